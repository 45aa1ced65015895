// The faults of a request, and its segments.

import { strict as assert } from "node:assert";
import { Receipts } from "../../../src/core/record.ts";
import { requestError } from "../../../src/core/record-fault.ts";
import { faultsOf, segmentsOf } from "../../../src/kafka/produce/split-request.ts";
import { encodeBatch, recordSizeBound } from "../../../src/wire/record-batch.ts";
import { acceptedRecord, valuesIn } from "../../support/segments.ts";
import { topicState } from "../../support/topics.ts";

const HOUR = 3_600_000;

/** The index and the code of each fault of these records, which are all for partition 0. */
function faults(limits: Parameters<typeof topicState>[2], ...records: ReturnType<typeof acceptedRecord>[]) {
  const partitions = records.map(() => 0);
  return faultsOf(topicState("t", [1], limits), records, partitions, { most: 100, compressed: false }).map(
    ({ index, error_code, message }) => [index, error_code, message] as const,
  );
}

describe("kafka: faults of a request", () => {
  it("do not exist if the limits of the topic are unknown", () => {
    assert.deepEqual(faults({}, acceptedRecord("a"), acceptedRecord(null, { timestamp: 0 })), []);
  });

  it("include a partition number equal to the number of partitions, or higher", () => {
    const topic = topicState("t", [1, 1]);
    const records = ["a", "b", "c", "d"].map((value) => acceptedRecord(value));
    const found = faultsOf(topic, records, [0, 1, 2, 3], { most: 100, compressed: false });
    assert.deepEqual(
      found.map(({ index, error_code }) => [index, error_code]),
      [
        [2, 40402],
        [3, 40402],
      ],
    );
    assert.match(found[0]?.message ?? "", /"t" has no partition 2; its partitions are 0 to 1\./);
  });

  it("include a record without a key in a compacted topic", () => {
    const keyed = acceptedRecord("a", { key: Buffer.from("k") });
    const empty = acceptedRecord("a", { key: Buffer.alloc(0) });
    const found = faults({ compacted: true }, keyed, acceptedRecord("b"), empty);
    assert.deepEqual(
      found.map(([index, code]) => [index, code]),
      [[1, 40001]],
    );
    assert.match(found[0]?.[2] ?? "", /compacted, so every record needs a key/);
    assert.deepEqual(faults({ compacted: false }, acceptedRecord("b")), []);
  });

  it("include a timestamp too far in the future", () => {
    const now = Date.now();
    const near = acceptedRecord("a", { timestamp: now + HOUR - 1000 });
    const far = acceptedRecord("b", { timestamp: now + HOUR + 60_000 });
    const found = faults({ timestampAfterMaxMs: HOUR }, near, far);
    assert.deepEqual(
      found.map(([index, code]) => [index, code]),
      [[1, 40001]],
    );
    assert.match(found[0]?.[2] ?? "", /more than 3600000 ms in the future/);
  });

  it("include a timestamp too far in the past", () => {
    const now = Date.now();
    const near = acceptedRecord("a", { timestamp: now - HOUR + 60_000 });
    const far = acceptedRecord("b", { timestamp: now - HOUR - 1 });
    const found = faults({ timestampBeforeMaxMs: HOUR }, near, far);
    assert.deepEqual(
      found.map(([index, code]) => [index, code]),
      [[1, 40001]],
    );
    assert.match(found[0]?.[2] ?? "", /more than 3600000 ms in the past/);
  });

  it("do not include a timestamp exactly at a limit", () => {
    const { now } = Date;
    Date.now = () => 10 * HOUR;
    try {
      const limits = { timestampAfterMaxMs: HOUR, timestampBeforeMaxMs: HOUR };
      const [ahead, back] = [11 * HOUR, 9 * HOUR];
      assert.deepEqual(
        faults(limits, acceptedRecord("a", { timestamp: ahead }), acceptedRecord("a", { timestamp: back })),
        [],
      );
    } finally {
      Date.now = now;
    }
  });

  it("include a record whose batch is larger than max.message.bytes, to the byte", () => {
    const record = acceptedRecord("a".repeat(500));
    const size = encodeBatch([record]).length;
    assert.deepEqual(faults({ maxMessageBytes: size }, record), []);
    const found = faults({ maxMessageBytes: size - 1 }, acceptedRecord("small"), record);
    assert.deepEqual(
      found.map(([index, code]) => [index, code]),
      [[1, 41301]],
    );
    assert.match(found[0]?.[2] ?? "", new RegExp(`takes ${size} bytes, but topic "t" allows ${size - 1} `));
  });

  it("are limited to the requested number", () => {
    const records = [1, 2, 3].map(() => acceptedRecord("a"));
    const topic = topicState("t", [1], { compacted: true });
    assert.deepEqual(
      faultsOf(topic, records, [0, 0, 0], { most: 2, compressed: false }).map(({ index }) => index),
      [0, 1],
    );
  });
});

describe("kafka: a request that fails as a whole", () => {
  const faultsFound = [
    { index: 1, error_code: 41301, message: "too large" },
    { index: 2, error_code: 40001, message: "bad" },
  ] as const;

  it("names the first fault, and lists all, if it has several records", () => {
    const error = requestError(faultsFound, 3);
    assert.deepEqual([error.code, error.errors], [41301, faultsFound]);
    assert.equal(
      error.message,
      "Some of the 3 records cannot be appended; nothing was written. Record 1: too large",
    );
  });
  it("has only the message of the fault if it has one record", () => {
    const error = requestError(faultsFound, 1);
    assert.deepEqual([error.code, error.message, error.errors], [41301, "too large", undefined]);
  });
});

describe("kafka: the segment of a request for a partition", () => {
  const records = ["a", "b", "c", "d"].map((value) => acceptedRecord(value));
  const pending = { receipts: new Receipts(4), remaining: 4, resolve: () => {} };
  const shares = (partitions: readonly number[]) =>
    segmentsOf(records, partitions, pending, { deadline: 99, compress: false });

  it("is the whole request if all records go to one partition", () => {
    const segments = shares([2, 2, 2, 2]);
    assert.deepEqual([...segments.keys()], [2]);
    const whole = segments.get(2);
    assert.ok(whole);
    assert.deepEqual([whole.records, whole.places], [records, undefined]);
    assert.equal(whole.size, 4 * recordSizeBound(acceptedRecord("a")));
  });

  it("has the records in order, with their indexes in the request, if there are several partitions", () => {
    const segments = shares([1, 0, 1, 0]);
    assert.deepEqual([...segments.keys()], [1, 0]);
    assert.deepEqual(valuesIn([...segments.values()]), [
      ["a", "c"],
      ["b", "d"],
    ]);
    assert.deepEqual(
      [...segments.values()].map(({ places, size }) => [places, size]),
      [
        [[0, 2], 2 * recordSizeBound(acceptedRecord("a"))],
        [[1, 3], 2 * recordSizeBound(acceptedRecord("a"))],
      ],
    );
  });

  it("is separate even if only the last record goes to another partition", () => {
    assert.deepEqual(valuesIn([...shares([0, 0, 0, 5]).values()]), [["a", "b", "c"], ["d"]]);
  });

  it("has the deadline of the request, and may share a batch", () => {
    for (const segment of shares([1, 0, 1, 0]).values()) {
      const { deadline, alone, answered, from, to } = segment;
      assert.deepEqual([deadline, alone, answered, from, to], [99, false, false, 0, 2]);
      assert.equal(segment.pending, pending);
    }
  });
});
