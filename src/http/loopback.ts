// The names and addresses of this machine. Used for the address that a server listens on, and for `Host`.

import { BlockList, isIP } from "node:net";

const ADDRESSES = new BlockList();
ADDRESSES.addSubnet("127.0.0.0", 8, "ipv4");
ADDRESSES.addAddress("::1", "ipv6");

const MAX_CACHED = 200;
const cache = new Map<string, boolean>();

/**
 * Whether a host is this machine: `localhost`, 127.0.0.0/8 in every notation (such as 127.1), also mapped to IPv6, and ::1.
 * The name may end with a dot, and an IPv6 address may be in brackets. A port may follow a name, an IPv4 address, or brackets.
 */
export function isLoopback(host: string): boolean {
  let known = cache.get(host);
  if (known === undefined) {
    known = check(host.toLowerCase());
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(host, known);
  }
  return known;
}

function check(given: string): boolean {
  const url = `http://${isIP(given) === 6 ? `[${given}]` : given}`;
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  if (hostname === "localhost" || hostname === "localhost.") return true;
  const address = hostname.replace(/^\[(.*)\]$/, "$1");
  const version = isIP(address);
  return version > 0 && ADDRESSES.check(address, version === 6 ? "ipv6" : "ipv4");
}
