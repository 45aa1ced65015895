// Subscriptions and assignments of group members, of all versions.

import { strict as assert } from "node:assert";
import { createRequire } from "node:module";
import { array, int16, nullableBytes, string, struct } from "../../src/wire/codec.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../src/wire/consumer-protocol.ts";
import { Reader, TruncatedError } from "../../src/wire/reader.ts";
import { Writer } from "../../src/wire/writer.ts";

const { MemberAssignment, MemberMetadata } = createRequire(import.meta.url)(
  "kafkajs/src/consumer/assignerProtocol.js",
);

/** The layout of a subscription in version 0, the only one that Onramp read and wrote before it kept partitions. */
const version0 = struct({ version: int16, topics: array(string), userData: nullableBytes });

const owned = [
  { topic: "b", partition: 3 },
  { topic: "a", partition: 2 },
  { topic: "a", partition: 0 },
  { topic: "b", partition: 1 },
];

/** A subscription of ConsumerProtocolSubscription.json with topic "a", user data 0x78, and partitions 0 and 2 owned. */
const java = (version: number): Buffer =>
  Buffer.from(
    [
      `000${version} 00000001 0001 61 00000001 78`,
      version >= 1 ? "00000001 0001 61 00000002 00000000 00000002" : "",
      version >= 2 ? "00000007" : "",
      version >= 3 ? "0002 7231" : "",
    ]
      .join("")
      .replaceAll(" ", ""),
    "hex",
  );

describe("wire: subscriptions", () => {
  it("have version 1, with the owned partitions in the order given", () => {
    const subscription = { topics: ["a", "b"], owned };
    assert.equal(encodeSubscription(subscription).readInt16BE(0), 1);
    assert.deepEqual(decodeSubscription(encodeSubscription(subscription)), subscription);
    const none = { topics: ["a"], owned: [] };
    assert.deepEqual(decodeSubscription(encodeSubscription(none)), none);
  });

  it("have the generation of each owned partition in their user data", () => {
    const dated = owned.map((each, n) => ({ ...each, since: 7 * n }));
    const bytes = encodeSubscription({ topics: ["a", "b"], owned: dated });
    assert.deepEqual(decodeSubscription(bytes), { topics: ["a", "b"], owned: dated });
    assert.deepEqual(MemberMetadata.decode(bytes).topics, ["a", "b"]);
  });

  it("have the bytes that Kafka's message definition describes", () => {
    const bytes = encodeSubscription({
      topics: ["a"],
      owned: [0, 2].map((partition) => ({ topic: "a", partition })),
    });
    const withoutUserData = java(1).toString("hex").replace("0000000178", "ffffffff");
    assert.equal(bytes.toString("hex"), withoutUserData);
  });

  it("are read by a group leader that knows version 0 only, and by kafkajs", () => {
    const bytes = encodeSubscription({ topics: ["a", "b"], owned });
    assert.deepEqual(version0.read(new Reader(bytes), 0).topics, ["a", "b"]);
    assert.deepEqual(MemberMetadata.decode(bytes).topics, ["a", "b"]);
  });

  it("of version 0 own no partitions, with and without user data", () => {
    for (const userData of [null, Buffer.from("x")]) {
      const writer = new Writer();
      version0.write(writer, { version: 0, topics: ["a", "b"], userData }, 0);
      assert.deepEqual(decodeSubscription(writer.bytes), { topics: ["a", "b"], owned: [] });
    }
    const longer = Buffer.concat([java(0), Buffer.from("more")]);
    for (const bytes of [java(0), longer])
      assert.deepEqual(decodeSubscription(bytes), { topics: ["a"], owned: [] });
  });

  it("of versions 1 to 3 are read, also with user data; later fields are ignored", () => {
    const both = [0, 2].map((partition) => ({ topic: "a", partition }));
    for (const version of [1, 2, 3])
      assert.deepEqual(decodeSubscription(java(version)), { topics: ["a"], owned: both });
    const later = java(3);
    later.writeInt16BE(9, 0);
    assert.deepEqual(decodeSubscription(Buffer.concat([later, Buffer.from("more")])).owned, both);
  });

  it("of kafkajs are read: they state version 1 and have no owned partitions", () => {
    const written = MemberMetadata.encode({ version: 1, topics: ["a"], userData: Buffer.from("x") });
    assert.deepEqual(decodeSubscription(written), { topics: ["a"], owned: [] });
  });

  it("that are truncated are refused", () => {
    const whole = encodeSubscription({ topics: ["a"], owned });
    const withoutOwned = encodeSubscription({ topics: ["a"], owned: [] }).length - 4;
    for (let length = 0; length < whole.length; length++)
      if (length !== withoutOwned)
        assert.throws(() => decodeSubscription(whole.subarray(0, length)), TruncatedError, String(length));
  });
});

describe("wire: assignments", () => {
  const assigned = [
    { topic: "a", partition: 0 },
    { topic: "a", partition: 2 },
    { topic: "b", partition: 1 },
  ];
  it("are written as kafkajs reads them", () => {
    const { version, assignment } = MemberAssignment.decode(encodeAssignment(assigned));
    assert.deepEqual([version, { ...assignment }], [0, { a: [0, 2], b: [1] }]);
    assert.deepEqual(decodeAssignment(encodeAssignment(assigned)), assigned);
  });
  it("of kafkajs are read", () => {
    const written = MemberAssignment.encode({
      version: 1,
      assignment: { a: [1] },
      userData: Buffer.from("x"),
    });
    assert.deepEqual(decodeAssignment(written), [{ topic: "a", partition: 1 }]);
  });
  it("without bytes have no partitions; truncated bytes are refused", () => {
    assert.deepEqual(decodeAssignment(Buffer.alloc(0)), []);
    assert.throws(() => decodeAssignment(Buffer.alloc(1)), TruncatedError);
  });
});
