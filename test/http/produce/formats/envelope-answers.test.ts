// The response for the outcomes of the records of an envelope.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../../src/core/errors.ts";
import { Receipts } from "../../../../src/core/record.ts";
import { envelopes } from "../../../../src/http/produce/formats/envelope.ts";
import { recordedResponse } from "../../../support/response.ts";

const { text: textEnvelope } = envelopes;

describe("http: envelope, answers", () => {
  const later = new OnrampError(50301, 'not "now"');
  const bad = new OnrampError(40001, "bad");
  const unknown = new OnrampError(50401, "unknown");

  function receiptsWith(...outcomes: readonly (number | OnrampError)[]): Receipts {
    const receipts = new Receipts(outcomes.length);
    outcomes.forEach((outcome, index) => {
      if (typeof outcome === "number") {
        receipts.partitions[index] = 1;
        receipts.offsets[index] = outcome;
      } else receipts.fail(index, outcome);
    });
    return receipts;
  }
  function answerOf(...outcomes: readonly (number | OnrampError)[]) {
    const { res, answered } = recordedResponse();
    textEnvelope.answer(res, "t", receiptsWith(...outcomes));
    return { ...answered, body: JSON.parse(answered.text) };
  }

  it("contains the partition and offset of every record", () => {
    const { status, headers, text, body } = answerOf(7, 8);
    assert.equal(status, 200);
    assert.deepEqual(headers, {
      "content-type": "application/vnd.kafka.v2+json",
      "content-length": Buffer.byteLength(text),
    });
    const written = (offset: number) => ({ partition: 1, offset, error_code: null, error: null });
    assert.deepEqual(body, { offsets: [written(7), written(8)], key_schema_id: null, value_schema_id: null });
  });

  it("gives the receipt of a single record", () => {
    assert.equal(answerOf(7).body.offsets[0].offset, 7);
  });

  it("gives the problem of each record that was not written, in its place, and when to try again", () => {
    const { status, headers, body } = answerOf(7, bad, later);
    const failed = ({ code, message }: OnrampError) => ({
      ...{ partition: null, offset: null, error_code: code, error: message, message },
    });
    assert.deepEqual(body.offsets.slice(1), [failed(bad), failed(later)]);
    assert.deepEqual([status, headers["retry-after"]], [200, "1"]);
  });

  it("has no Retry-After if a retry would fail again", () => {
    assert.equal("retry-after" in answerOf(7, bad).headers, false);
  });

  it("fails as a whole when no record was written, with the code of the first", () => {
    assert.throws(
      () => answerOf(bad, later),
      (error: OnrampError) => {
        assert.deepEqual([error.code, error.message, error.cause], [40001, "bad", bad]);
        assert.deepEqual(error.errors, [
          { index: 0, error_code: 40001, message: "bad" },
          { index: 1, error_code: 50301, message: 'not "now"' },
        ]);
        return true;
      },
    );
  });

  it("fails with the code of a record whose outcome is unknown, wherever it is in the list", () => {
    assert.throws(
      () => answerOf(bad, unknown),
      (error: OnrampError) => error.code === 50401,
    );
  });

  it("names at most a hundred records when it fails as a whole", () => {
    assert.throws(
      () => answerOf(...Array.from({ length: 150 }, () => bad)),
      (error: OnrampError) => error.errors?.length === 100,
    );
  });
});
