// The address that represents a client that is not known by name.

import type { Socket } from "node:net";

/**
 * Returns the address of the peer; for IPv6, only its first 64 bits, because one client can use all addresses that begin with them.
 */
export function addressOf({ remoteAddress = "" }: Pick<Socket, "remoteAddress">): string {
  if (!remoteAddress.includes(":") || remoteAddress.startsWith("::ffff:")) return remoteAddress;
  const [head = "", tail] = remoteAddress.split("::", 2);
  const groups = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - groups.length - last.length;
  return [...groups, ...Array<string>(Math.max(0, zeros)).fill("0"), ...last].slice(0, 4).join(":");
}
