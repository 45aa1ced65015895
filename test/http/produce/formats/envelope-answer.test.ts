// The answer of an envelope whose records were all written.

import { strict as assert } from "node:assert";
import { Receipts } from "../../../../src/core/record.ts";
import { writtenBody } from "../../../../src/http/produce/formats/envelope-answer.ts";

describe("http: the answer of an envelope", () => {
  it("has the partition and the offset of each record, with all their digits", () => {
    const numbers = [0, 9, 10, 99, 100, 123_456_789];
    for (let power = 1; power < 2 ** 53; power *= 10) numbers.push(power - 1, power, power + 1);
    numbers.push(2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1);
    const receipts = new Receipts(numbers.length);
    for (const [index, number] of numbers.entries()) {
      receipts.partitions[index] = index;
      receipts.offsets[index] = number;
    }
    assert.deepEqual(JSON.parse(writtenBody(receipts).toString()), {
      offsets: numbers.map((offset, partition) => ({ partition, offset, error_code: null, error: null })),
      key_schema_id: null,
      value_schema_id: null,
    });
  });

  it("is a list of one record", () => {
    const receipts = new Receipts(1);
    receipts.partitions[0] = 11;
    receipts.offsets[0] = 42;
    assert.equal(
      writtenBody(receipts).toString(),
      '{"offsets":[{"partition":11,"offset":42,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":null}',
    );
  });
});
