// Segments, and the answer to the request that waits for them.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../src/core/errors.ts";
import { Receipts } from "../../../src/core/record.ts";
import {
  type Segment,
  settleFailed,
  settleWritten,
  sizeOf,
  slice,
} from "../../../src/kafka/produce/segment.ts";
import { recordSizeBound } from "../../../src/wire/record-batch.ts";
import { acceptedRecord, valuesIn, waiting } from "../../support/segments.ts";

const late = new OnrampError(50401, "late");

describe("kafka: segment", () => {
  it("gives every record its partition and its offset, and answers its request once", () => {
    const request = waiting(["a", "b", "c"]);
    settleWritten(request.segment, 4, 100, -1);
    settleWritten(request.segment, 5, 200, -1);
    settleFailed(request.segment, late);
    const { partitions, offsets, errors } = request.receipts;
    assert.deepEqual(
      [partitions, offsets, errors, request.answers],
      [[4, 4, 4], [100, 101, 102], undefined, 1],
    );
  });

  it("gives the record's own timestamp, or the broker's in a topic with LogAppendTime", () => {
    const [own, broker, epoch] = [waiting(["a"]), waiting(["a"]), waiting(["a"])];
    settleWritten(own.segment, 0, 0, -1);
    settleWritten(broker.segment, 0, 0, 77);
    settleWritten(epoch.segment, 0, 0, 0);
    assert.deepEqual(
      [own, broker, epoch].map(({ receipts }) => receipts.timestamps[0]),
      [1000, 77, 0],
    );
  });

  it("fails every record with the error, and answers its request once", () => {
    const request = waiting(["a", "b"]);
    settleFailed(request.segment, late);
    settleFailed(request.segment, new OnrampError(40001, "other"));
    settleWritten(request.segment, 0, 7, -1);
    const { errors, offsets } = request.receipts;
    assert.deepEqual([errors, offsets, request.answers], [[late, late], [-1, -1], 1]);
  });

  it("settles its records by their index in the request, and answers after the last of them", () => {
    const receipts = new Receipts(4);
    let answered: Receipts | undefined;
    const pending = {
      receipts,
      remaining: 4,
      resolve(given: Receipts) {
        answered = given;
      },
    };
    const share = (places: readonly number[]): Segment => {
      const records = places.map((place) => acceptedRecord(`${place}`));
      return { ...waiting([]).segment, pending, records, places, to: records.length };
    };
    settleWritten(share([3, 1]), 8, 50, -1);
    assert.equal(answered, undefined);
    settleFailed(share([0, 2]), late);
    assert.equal(answered, receipts);
    assert.deepEqual(
      [receipts.partitions, receipts.offsets],
      [
        [-1, 8, -1, 8],
        [-1, 51, -1, 50],
      ],
    );
    assert.deepEqual([...(receipts.errors ?? [])], [late, undefined, late, undefined]);
  });

  it("counts the offsets of a part from the first record of the part", () => {
    const request = waiting(["a", "b", "c"]);
    settleWritten(slice(request.segment, 1, 3), 0, 10, -1);
    assert.deepEqual([request.receipts.offsets, request.answers], [[-1, 10, 11], 0]);
    settleFailed(slice(request.segment, 0, 1), late);
    assert.deepEqual([request.receipts.errors?.[0], request.answers], [late, 1]);
  });

  it("can be cut into parts with their own records, size and request", () => {
    const { segment } = waiting(["a", "bb", "ccc"]);
    const head = slice(segment, 0, 1);
    const tail = slice(segment, 1, 3, true);
    assert.deepEqual(valuesIn([head, tail]), [["a"], ["bb", "ccc"]]);
    assert.deepEqual([head.alone, tail.alone, slice(tail, 1, 2).alone], [false, true, true]);
    assert.equal(head.size + tail.size, segment.size);
    assert.equal(head.size, recordSizeBound(acceptedRecord("a")));
    assert.equal(sizeOf(segment.records, 1, 2), recordSizeBound(acceptedRecord("bb")));
  });

  it("is returned unchanged as the part that contains all of it", () => {
    const { segment } = waiting(["a", "b"]);
    assert.equal(slice(segment, 0, 2), segment);
    assert.notEqual(slice(segment, 0, 2, true), segment);
    assert.deepEqual(valuesIn([slice(segment, 0, 1), slice(segment, 1, 2)]), [["a"], ["b"]]);
  });
});
