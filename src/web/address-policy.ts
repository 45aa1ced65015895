// Decides which addresses requests may go to: public addresses, and exceptions from the configuration. The
// check applies to the address of each connection, so that it also protects against DNS rebinding.

import { type LookupAddress, lookup as resolve } from "node:dns";
import { BlockList, isIP, isIPv6, type LookupFunction } from "node:net";

/** Addresses outside the public Internet: IANA's special-purpose registries, IPv4 and IPv6. */
const NOT_PUBLIC: readonly [address: string, prefix: number, type: "ipv4" | "ipv6"][] = [
  ["0.0.0.0", 8, "ipv4"],
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.0.0.0", 24, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["198.18.0.0", 15, "ipv4"],
  ["224.0.0.0", 4, "ipv4"],
  ["240.0.0.0", 4, "ipv4"],
  ["::", 96, "ipv6"],
  ["64:ff9b::", 96, "ipv6"],
  ["64:ff9b:1::", 48, "ipv6"],
  ["100::", 64, "ipv6"],
  ["2001::", 23, "ipv6"],
  ["2002::", 16, "ipv6"],
  ["fc00::", 7, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["fec0::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
];

/** The rules for the addresses of requests. */
export interface AddressPolicy {
  allows(address: string): boolean;
  /** For `http.request`: resolves a name to its allowed addresses. */
  readonly lookup: LookupFunction;
}

/**
 * @param allowed addresses and CIDR blocks that are allowed although they are not public
 * @throws Error for an entry that is neither an address nor a CIDR block
 */
export function addressPolicy(allowed: readonly string[]): AddressPolicy {
  const refused = new BlockList();
  for (const [address, prefix, type] of NOT_PUBLIC) refused.addSubnet(address, prefix, type);
  const exceptions = new BlockList();
  for (const block of allowed) {
    const [address = "", prefix] = block.split("/");
    const family = isIP(address);
    const bits = prefix === undefined ? (family === 6 ? 128 : 32) : Number(prefix);
    if (family === 0 || !(bits >= 0 && bits <= (family === 6 ? 128 : 32)))
      throw new Error(`"${block}" is neither an address nor a CIDR block, such as 10.1.2.3 or 10.0.0.0/8`);
    exceptions.addSubnet(address, bits, family === 6 ? "ipv6" : "ipv4");
  }
  const allows = (address: string): boolean => {
    const type = isIPv6(address) ? "ipv6" : "ipv4";
    return exceptions.check(address, type) || !refused.check(address, type);
  };
  return {
    allows,
    lookup(hostname, options, callback) {
      resolve(hostname, { ...options, all: true }, (error, found) => {
        const addresses =
          (found as LookupAddress[] | undefined)?.filter(({ address }) => allows(address)) ?? [];
        if (error) return callback(error, [], 0);
        const [first] = addresses;
        if (!first) return callback(new RefusedAddress(hostname), [], 0);
        if (options.all) return callback(null, addresses);
        callback(null, first.address, first.family);
      });
    },
  };
}

/** The error for a host name without an allowed address. */
export class RefusedAddress extends Error {
  override readonly name = "RefusedAddress";

  constructor(hostname: string) {
    super(`${hostname} resolves only to addresses that are not public; allow them with allowAddresses`);
  }
}
