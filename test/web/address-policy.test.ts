// The addresses that may be called.

import { strict as assert } from "node:assert";
import { addressPolicy } from "../../src/web/address-policy.ts";

/** The first and the last address of every block of IANA's registries of special-purpose addresses, and of the other reserved ones. */
const SPECIAL: readonly string[][] = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.31.196.0", "192.31.196.255"],
  ["192.52.193.0", "192.52.193.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["192.175.48.0", "192.175.48.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "239.255.255.255"],
  ["240.0.0.0", "255.255.255.255"],
  ["::", "::1"],
  ["::127.0.0.1", "::255.255.255.255"],
  ["::ffff:0.0.0.0", "::ffff:8.8.8.8"],
  ["::ffff:0:0", "::ffff:0:ffff:ffff"],
  ["64:ff9b::", "64:ff9b::ffff:ffff"],
  ["64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
  ["100::", "100::ffff:ffff:ffff:ffff"],
  ["100:0:0:1::", "100::1:ffff:ffff:ffff:ffff"],
  ["2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"],
  ["3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
];

/** Public addresses beside those blocks. */
const PUBLIC = [
  ...["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"],
  ...["169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.88.100.0"],
  ...["198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "8.8.8.8"],
  ...["2001:200::1", "2001:db9::1", "2003::1", "2606:4700::1111", "3fff:1000::1", "5eff::1", "5f01::1"],
  ...["64:ff9b:2::1", "101::1", "::1:0:0:0:1", "2620:4f:8001::1"],
];

describe("web: address policy", () => {
  it("refuses the first and the last address of every special-purpose block, in every spelling", () => {
    const { allows } = addressPolicy([]);
    const spellings = [
      ...SPECIAL.flat(),
      "2002:7f00:1::",
      "::ffff:7f00:1",
      "64:ff9b::7f00:1",
      "0:0:0:0:0:FFFF:127.0.0.1",
    ];
    const zoned = ["fe80::1%eth0", "fe80::1%1"];
    for (const address of [...spellings, ...zoned]) assert.equal(allows(address), false, address);
  });

  it("allows the public addresses beside those blocks", () => {
    const { allows } = addressPolicy([]);
    for (const address of PUBLIC) assert.equal(allows(address), true, address);
  });

  it("allows what is listed: an address, a block, and the IPv4-mapped addresses of an IPv4 block, and nothing else", () => {
    const { allows } = addressPolicy(["10.1.2.0/24", "127.0.0.1", "::1", "fd00:1::/32"]);
    for (const address of [
      "10.1.2.0",
      "10.1.2.255",
      "127.0.0.1",
      "::1",
      "fd00:1:ffff::1",
      "::ffff:10.1.2.9",
      "::ffff:a01:209",
    ])
      assert.equal(allows(address), true, address);
    for (const address of [
      ...["10.1.3.0", "127.0.0.2", "::2", "fd00:2::1", "::ffff:10.1.3.1", "::10.1.2.9", "::ffff:0:10.1.2.9"],
      ...["64:ff9b::10.1.2.9", "2002:a01:209::", "fe80::1%eth0"],
    ])
      assert.equal(allows(address), false, address);
  });

  it("an IPv6 block does not allow IPv4 addresses, and a prefix of 0 bits allows its family only", () => {
    assert.equal(addressPolicy(["::ffff:0:0/96"]).allows("10.0.0.1"), false);
    assert.deepEqual(["10.0.0.1", "fe80::1", "::ffff:10.0.0.1"].map(addressPolicy(["0.0.0.0/0"]).allows), [
      true,
      false,
      true,
    ]);
    assert.deepEqual(["10.0.0.1", "fe80::1"].map(addressPolicy(["::/0"]).allows), [false, true]);
  });

  for (const entry of [
    ...[
      "10.0.0.0/",
      "10.0.0.0/-0",
      "10.0.0.0/ 8",
      "10.0.0.0/8 ",
      " 10.0.0.0/8",
      "10.0.0.0/08",
      "10.0.0.0/+8",
    ],
    ...[
      "10.0.0.0/33",
      "10.0.0.0/1e1",
      "10.0.0.0/0x8",
      "10.0.0.0/8.0",
      "10.0.0.0/8/8",
      "10.0.0.0/999",
      "10.0.0.0/٨",
    ],
    ...[
      "10.0.0/8",
      "10/8",
      "10",
      "0x0a.0.0.0/8",
      "010.0.0.0/8",
      "167772160",
      "/8",
      "/",
      "",
      "*",
      "localhost",
    ],
    ...[
      "::/129",
      "::/-0",
      "::/",
      "fe80::1%eth0",
      "fe80::%eth0/64",
      "[::1]",
      "::1/0128",
      "1::2::3",
      "::ffff:10.0.0.0/129",
    ],
    ...["1.2.3.4/24", "10.0.0.1/31", "fd00::1/64", "::1/0", "10.0.0.0/255.0.0.0"],
  ])
    it(`refuses ${JSON.stringify(entry)} as an entry, and does not quote it`, () => {
      assert.throws(
        () => addressPolicy(["127.0.0.1", entry]),
        ({ errors }: AggregateError) => {
          assert.match(
            errors.map(String).join(),
            /^Error: allowAddresses\.1: (it is neither an address nor a CIDR block|the prefix of an IPv[46] block has at most|the address of a CIDR block must be its first address)/,
          );
          assert.ok(entry.length < 5 || !errors.map(String).join().includes(`"${entry}"`));
          return true;
        },
      );
    });
});
