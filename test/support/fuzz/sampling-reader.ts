// Makes valid messages of the Kafka protocol from their layouts: a reader that returns random values in place of bytes.

import type { Api } from "../../../src/wire/codec.ts";
import { encodeResponse } from "../../../src/wire/message.ts";
import { type Reader, TruncatedError } from "../../../src/wire/reader.ts";
import { randomNumbers } from "../random-numbers.ts";

const INTEGERS = [0, 1, -1, 2, 7, 100, 2 ** 31 - 1];

/** Encodes a response of an API, without its length, with random fields. The same seed makes the same response. */
export function sampleResponse(api: Api<unknown, unknown>, version: number, seed: number): Buffer {
  return Buffer.from(encodeResponse(api, version, 1, sample(api, version, seed))).subarray(4);
}

/** Some layouts refuse values, such as a partition that is given twice. */
function sample(api: Api<unknown, unknown>, version: number, seed: number): unknown {
  for (let next = seed; ; next += 1000)
    try {
      return api.response.read(samplingReader(next), version);
    } catch (error) {
      if (!(error instanceof TruncatedError)) throw error;
    }
}

function samplingReader(seed: number): Reader {
  const random = randomNumbers(seed);
  const integer = (most: number) => (): number => Math.min(INTEGERS[random(INTEGERS.length)] as number, most);
  const reader = {
    flexible: false,
    position: 0,
    remaining: 0,
    int8: integer(127),
    int16: integer(32767),
    int32: integer(2 ** 31 - 1),
    uint32: integer(2 ** 31 - 1),
    int64: integer(2 ** 31 - 1),
    boolean: () => random(2) === 1,
    varint: integer(127),
    varlong: integer(127),
    // The number of tagged fields.
    unsignedVarint: () => 0,
    nullableString: () => ["", "a", "orders", "localhost"][random(4)] as string,
    nullableBytes: () => Buffer.alloc(random(40), random(256)),
    arrayLength: () => random(4),
    raw: (length: number) => Buffer.alloc(length, random(256)),
    skip: () => {},
  };
  return reader as unknown as Reader;
}
