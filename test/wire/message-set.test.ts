// Message sets of the formats v0 and v1.

import { strict as assert } from "node:assert";
import {
  entryMagic,
  entrySize,
  LastOffset,
  MessageDecoder,
  readMessage,
} from "../../src/wire/message-set.ts";
import { TruncatedError } from "../../src/wire/reader.ts";
import { messageSet } from "../support/message-sets.ts";

const ALL = { records: 1000, bytes: 1_000_000 };

describe("wire: message sets", () => {
  for (const magic of [0, 1] as const) {
    it(`reads a message of the format v${magic}`, () => {
      const set = messageSet(magic, [{ offset: 7, key: "k", value: "v", timestamp: 5000 }]);
      assert.deepEqual([entrySize(set, 0), entryMagic(set, 0)], [set.length, magic]);
      const message = readMessage(set);
      assert.ok(message.crcValid);
      const decoder = new MessageDecoder(message, message.bytes, message.offset);
      const [record] = decoder.next(decoder.sizeOf(ALL));
      const timestamp = magic === 0 ? -1 : 5000;
      assert.deepEqual(record, {
        offset: 7,
        timestamp,
        key: Buffer.from("k"),
        value: Buffer.from("v"),
        headers: [],
      });
      assert.ok(decoder.done);
    });

    it(`reports a wrong checksum of the format v${magic}`, () => {
      const set = messageSet(magic, [{ offset: 7, key: null, value: "v" }]);
      set[set.length - 1] = 0;
      assert.equal(readMessage(set).crcValid, false);
    });
  }

  it("reads null keys and null values", () => {
    const set = messageSet(1, [{ offset: 0, key: null, value: null }]);
    const message = readMessage(set);
    assert.deepEqual([message.key, message.value], [null, null]);
  });

  it("gives the messages of a compressed set their offsets: absolute in v0, relative in v1", () => {
    const outer = { ...readMessage(messageSet(0, [{ offset: 22, key: null, value: "" }])), compression: 1 };
    const offsets = (magic: 0 | 1, first: number): number[] => {
      const inner = [0, 1, 2].map((n) => ({ offset: first + n, key: null, value: String(n) }));
      const decoder = new MessageDecoder({ ...outer, magic }, messageSet(magic, inner), first + 2);
      const found: number[] = [];
      while (!decoder.done)
        found.push(...decoder.next(decoder.sizeOf({ records: 2, bytes: 1000 })).map(({ offset }) => offset));
      return found;
    };
    assert.deepEqual(offsets(0, 20), [20, 21, 22]);
    assert.deepEqual(offsets(1, 0), [20, 21, 22]);
  });

  it("gives the messages of a compressed set the append time of the outer message", () => {
    const outer = {
      ...readMessage(messageSet(1, [{ offset: 0, key: null, value: "", timestamp: 99 }])),
      compression: 1,
    };
    const inner = messageSet(1, [{ offset: 0, key: null, value: "v", timestamp: 5 }]);
    const timestamp = (logAppendTime: boolean) => {
      const decoder = new MessageDecoder({ ...outer, logAppendTime }, inner, 0);
      return decoder.next(decoder.sizeOf(ALL))[0]?.timestamp;
    };
    assert.deepEqual([timestamp(true), timestamp(false)], [99, 5]);
  });

  it("finds the offset of the last message in steps, and refuses a set that ends in the middle of a message", () => {
    const set = messageSet(
      1,
      [4, 5, 9].map((offset) => ({ offset, key: null, value: "value" })),
    );
    assert.equal(entrySize(set.subarray(0, 30), 0), undefined);
    const last = new LastOffset(set);
    assert.deepEqual([last.step(2), last.step(2), last.value], [false, true, 9]);
    assert.throws(() => new LastOffset(set.subarray(0, -1)).step(5), TruncatedError);
  });
});
