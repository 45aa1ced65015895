// Decides which addresses requests may go to: public addresses, and exceptions from the configuration. The
// check applies to the address of each connection, so that it also protects against DNS rebinding.

import { type LookupAddress, lookup as resolve } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { WebError } from "./failure.ts";
import { SPECIAL_ADDRESSES } from "./special-addresses.ts";

/** The rules for the addresses of requests. */
export interface AddressPolicy {
  allows(address: string): boolean;
  /** For `http.request`: resolves a name to its allowed addresses. */
  readonly lookup: LookupFunction;
}

/** A set of addresses of one family: those whose bits, as text of 0 and 1, begin with `bits`. */
interface Block {
  readonly family: number;
  readonly bits: string;
}

const SPECIAL = SPECIAL_ADDRESSES.map(parseBlock);
const MAPPED = parseBlock("::ffff:0:0/96");

/**
 * @param allowed addresses and CIDR blocks that are allowed although they are not public. An IPv4 block also allows its IPv4-mapped
 *   IPv6 addresses (`::ffff:10.1.2.3`)
 * @throws AggregateError with an error for each entry that is neither an address nor a CIDR block; the entry is not quoted
 */
export function addressPolicy(allowed: readonly string[]): AddressPolicy {
  const faults: Error[] = [];
  const exceptions = allowed.flatMap((entry, index): Block[] => {
    try {
      return [parseBlock(entry)];
    } catch (error) {
      faults.push(new Error(`allowAddresses.${index}: ${(error as Error).message}`));
      return [];
    }
  });
  if (faults.length > 0) throw new AggregateError(faults);
  const allows = (address: string): boolean => {
    const found = addressOf(address);
    return spellingsOf(found).some((each) => isIn(exceptions, each)) || !isIn(SPECIAL, found);
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

const isIn = (blocks: readonly Block[], { family, bits }: Block): boolean =>
  blocks.some((block) => block.family === family && bits.startsWith(block.bits));

/** An address, and the IPv4 address that an IPv4-mapped address contains. */
const spellingsOf = (address: Block): Block[] =>
  isIn([MAPPED], address) ? [address, { family: 4, bits: address.bits.slice(96) }] : [address];

/** @param block an address, or an address and the length of its prefix (RFC 4632, 3.1; RFC 4291, 2.3) @throws Error */
function parseBlock(block: string): Block {
  const [text = "", length, ...rest] = block.split("/");
  const isValid = isIP(text) !== 0 && !text.includes("%") && rest.length === 0;
  const address = isValid ? addressOf(text) : undefined;
  if (!address || (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)))
    throw new Error("it is neither an address nor a CIDR block, such as 10.1.2.3 or 10.0.0.0/8");
  const prefix = length === undefined ? address.bits.length : Number(length);
  if (prefix > address.bits.length)
    throw new Error(`the prefix of an IPv${address.family} block has at most ${address.bits.length} bits`);
  if (address.bits.includes("1", prefix))
    throw new Error(
      "the address of a CIDR block must be its first address, as in 10.0.0.0/8; without a prefix, the entry is one address",
    );
  return { family: address.family, bits: address.bits.slice(0, prefix) };
}

/** @param text a valid address; the zone of an IPv6 address is ignored */
function addressOf(text: string): Block {
  const [address = ""] = text.split("%");
  if (isIP(address) === 4) return { family: 4, bits: bitsOf(address.split(".").map(Number), 8) };
  // The URL class writes an IPv4 address at the end as two groups.
  const [start = "", end] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const [head, tail] = [groupsOf(start), groupsOf(end ?? "")];
  const zeros = Array<number>(8 - head.length - tail.length).fill(0);
  return { family: 6, bits: bitsOf([...head, ...zeros, ...tail], 16) };
}

// Function declarations: the constants at the top call them.
function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

function bitsOf(numbers: readonly number[], width: number): string {
  return numbers.map((number) => number.toString(2).padStart(width, "0")).join("");
}

/** The error for a host name without an allowed address. */
export class RefusedAddress extends WebError {
  override readonly name = "RefusedAddress";

  constructor(hostname: string) {
    super(`${hostname} resolves only to addresses that are not public; allow them with allowAddresses`);
  }
}
