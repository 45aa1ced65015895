// Messages of pgoutput that are incomplete, or claim more than they have.

import { strict as assert } from "node:assert";
import { decodePgOutput } from "../../../src/sources/postgres/stream/pgoutput.ts";

const messages: Readonly<Record<string, string>> = {
  "an empty message": "",
  "a TRUNCATE of 2^24 tables": "54 01000002 00 00000001",
  "a row without its second value": "49 00000001 4e 0002 6e",
  "a value that is shorter than its length": "49 00000001 4e 0001 74 00000005 6865",
  "a table whose name does not end": "52 00000001 7075626c6963 00 6f7264657273",
  "a logical message that is shorter than its length": "4d 01 0000000000000001 61 00 00000009 62",
};

describe("sources: postgres: damaged messages", () => {
  for (const [title, hex] of Object.entries(messages))
    it(`refuses ${title}`, () => {
      const { arrayBuffers, heapUsed } = process.memoryUsage();
      const frame = Buffer.from(hex.replaceAll(" ", ""), "hex");
      assert.throws(() => decodePgOutput(frame, 0), /^Error: pgoutput sent an incomplete message$/);
      const after = process.memoryUsage();
      assert.ok(after.arrayBuffers + after.heapUsed - arrayBuffers - heapUsed < 16 * 1024 * 1024);
    });
});
