// The outcomes of the records of a request.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { Receipts } from "../../src/core/record.ts";

const [first, second] = [new OnrampError(41301, "first"), new OnrampError(50401, "second")];

describe("core: receipts", () => {
  it("have no offsets and no errors at first", () => {
    const receipts = new Receipts(2);
    assert.equal(receipts.count, 2);
    for (const column of [receipts.partitions, receipts.offsets, receipts.timestamps])
      assert.deepEqual(column, [-1, -1]);
    assert.equal(receipts.errors, undefined);
    assert.equal(receipts.orThrow(), receipts);
  });
  it("throw the error of the first record that has one", () => {
    const receipts = new Receipts(4);
    receipts.fail(2, second);
    receipts.fail(1, first);
    assert.throws(() => receipts.orThrow(), first);
    assert.deepEqual(
      [0, 1, 2, 3].map((index) => receipts.errors?.[index]),
      [undefined, first, second, undefined],
    );
    assert.equal(receipts.errors?.length, 4);
  });
  it("have offsets and errors in the order of the request", () => {
    const appended = new Receipts(2);
    Object.assign(appended, { partitions: [4, 5], offsets: [40, -1], timestamps: [400, -1] });
    appended.fail(1, second);
    const receipts = new Receipts(4);
    receipts.fill(
      appended,
      new Map([
        [0, first],
        [2, first],
      ]),
    );
    assert.deepEqual(
      [receipts.partitions, receipts.offsets, receipts.timestamps],
      [
        [-1, 4, -1, 5],
        [-1, 40, -1, -1],
        [-1, 400, -1, -1],
      ],
    );
    assert.deepEqual(Array.from(receipts.errors ?? []), [first, undefined, first, second]);
  });
  it("have no errors if every record was appended", () => {
    const receipts = new Receipts(1);
    receipts.fill(new Receipts(1), new Map());
    assert.equal(receipts.errors, undefined);
  });
});
