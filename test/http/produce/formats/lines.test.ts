// One line of NDJSON as a draft, and a problem with a line.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../../src/core/errors.ts";
import { draftOf, isBlank, problemText } from "../../../../src/http/produce/formats/lines.ts";

const beside = {
  key: Buffer.from("k"),
  value: null,
  headers: [{ key: "h", value: null }],
  partition: 2,
  timestamp: 5,
};

describe("http: one line", () => {
  it("is a draft with the line as its value, and the fields of the query and the headers", () => {
    const line = Buffer.from("1");
    const { key, value, headers, partition, timestamp, json, fault } = draftOf(line, beside, 9);
    assert.deepEqual(
      [key, value, headers, partition, timestamp, json, fault],
      [beside.key, line, beside.headers, 2, 5, "The line", undefined],
    );
  });

  it("is a fault if the line is too long: 413", () => {
    const { key, value, headers, partition, timestamp, fault } = draftOf(undefined, beside, 9);
    assert.deepEqual(
      [key, value, headers, partition, timestamp, fault?.code],
      [beside.key, null, beside.headers, 2, 5, 41301],
    );
    assert.match(fault?.message ?? "", /larger than 9 bytes \(http\.maxBody\).* --data-binary/);
  });

  it("is blank if it contains only whitespace", () => {
    const blank = ["", " ", "\t", "\r", " \t\r "];
    const full = ["1", " 1", "1 ", "\u0000", " \u0000", "\u000b", "\u00a0", '""'];
    assert.deepEqual(
      [...blank, ...full].map((line) => isBlank(Buffer.from(line))),
      [...blank.map(() => true), ...full.map(() => false)],
    );
  });

  it("names its number and its problem", () => {
    const error = new OnrampError(40001, "wrong");
    const problem = JSON.parse(problemText(error, 7));
    assert.deepEqual(
      [problem.line, problem.error_code, problem.status, problem.detail, problem.message],
      [7, 40001, 400, "wrong", "wrong"],
    );
    const more = JSON.parse(problemText(error, 7, "wrong, and more"));
    assert.deepEqual([more.detail, more.message], ["wrong, and more", "wrong, and more"]);
  });
});
