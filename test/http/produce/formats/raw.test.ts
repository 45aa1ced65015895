// The raw format: one record per request.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../../src/core/errors.ts";
import { type Draft, Receipts } from "../../../../src/core/record.ts";
import type { ProduceRequest } from "../../../../src/http/produce/formats/format.ts";
import { baseDraft, raw, rawJson } from "../../../../src/http/produce/formats/raw.ts";
import { thrownCode } from "../../../support/codes.ts";
import { recordedResponse } from "../../../support/response.ts";

const request = (more: Partial<ProduceRequest> = {}): ProduceRequest => ({
  ...{
    body: Buffer.from("v"),
    partition: undefined,
    query: "",
    rawHeaders: [],
    maxRecords: 1,
    charge: () => {},
  },
  ...more,
});
const beside = (query: string, more: Partial<ProduceRequest> = {}) => baseDraft(request({ query, ...more }));
const headers = (...rawHeaders: string[]) =>
  baseDraft(request({ rawHeaders })).headers.map(({ key, value }) => [key, `${value}`]);

describe("http: raw, the record", () => {
  it("is the body, byte for byte, without a key or headers", () => {
    const body = Buffer.from([0, 0xff]);
    assert.deepEqual(raw.drafts(request({ body })), [
      {
        key: null,
        value: body,
        headers: [],
        partition: undefined,
        timestamp: undefined,
        parsed: undefined,
        json: undefined,
      },
    ]);
  });

  it("must be JSON if the content type says so", () => {
    assert.equal((rawJson.drafts(request()) as Draft[])[0]?.json, "The body");
  });

  it("has a value: an empty body is refused", () => {
    const empty = request({ body: Buffer.alloc(0) });
    for (const format of [raw, rawJson])
      assert.equal(
        thrownCode(() => format.drafts(empty)),
        40001,
      );
  });

  it("has what the query says beside the body", () => {
    const [draft] = raw.drafts(request({ query: "key=k&timestamp=5&partition=12" })) as Draft[];
    assert.deepEqual([`${draft?.key}`, draft?.timestamp, draft?.partition], ["k", 5, 12]);
  });
});

describe("http: raw, the query", () => {
  it("gives the key as text, percent-encoded or with pluses", () => {
    const keys: Readonly<Record<string, string>> = {
      "key=a%20b+c": "a b c",
      "key=%C3%A9": "é",
      "key=a=b": "a=b",
      "key=": "",
      key: "",
      "%6Bey=a": "a",
    };
    for (const [query, key] of Object.entries(keys)) assert.equal(`${beside(query).key}`, key, query);
  });

  it("gives no key if it has none", () => {
    assert.deepEqual(
      [beside("").key, beside("timestamp=5").key, beside("timestamp=5").timestamp],
      [null, null, 5],
    );
  });

  it("may contain empty pairs", () => {
    assert.equal(beside("&timestamp=5&&partition=0&").partition, 0);
  });

  it("does not change the partition of the path if it has none", () => {
    assert.deepEqual(
      [beside("", { partition: 3 }).partition, beside("key=a", { partition: 3 }).partition],
      [3, 3],
    );
  });

  const refused: Readonly<Record<string, number>> = {
    "key=a&key=b": 40001,
    "timestamp=1&timestamp=1": 40001,
    "other=1": 40001,
    "Key=a": 40001,
    "=a": 40001,
    "key=%": 40001,
    "key=%FF": 40001,
    "timestamp=soon": 40001,
    "partition=": 40402,
    "partition=x": 40402,
    "partition=1x": 40402,
    "partition=x1": 40402,
    "partition=-1": 40402,
    "partition=1e1": 40402,
    "partition=0x1": 40402,
    "partition=1.0": 40402,
    "partition=99999999999": 40402,
  };
  for (const [query, code] of Object.entries(refused))
    it(`"${query}" is refused: ${code}`, () =>
      assert.equal(
        thrownCode(() => beside(query)),
        code,
      ));

  it("must not give a partition if the path gives one", () => {
    assert.throws(
      () => beside("partition=3", { partition: 3 }),
      /in the path and in the query; specify it once/,
    );
  });

  it("is quoted in an error with at most 40 characters of a name", () => {
    assert.throws(() => beside(`${"n".repeat(90)}=1`), /"n{40}" is not supported/);
  });
});

describe("http: raw, headers", () => {
  it("are those that begin with Kafka-Header-, in order, with names in lower case", () => {
    assert.deepEqual(
      headers(
        "Host",
        "x",
        "Kafka-Header-B",
        "1",
        "kafka-header-A",
        "2",
        "KAFKA-HEADER-b",
        "3",
        "Accept",
        "y",
      ),
      [
        ["b", "1"],
        ["a", "2"],
        ["b", "3"],
      ],
    );
  });

  it("do not include other request headers", () => {
    assert.deepEqual(
      headers(
        "Kafka-Header-",
        "1",
        "Kafka-Headers-A",
        "2",
        "X-Kafka-Header-A",
        "3",
        "Keep-Alive-Long-Name",
        "4",
      ),
      [],
    );
  });

  it("have names of one character or more, and values that may be empty", () => {
    assert.deepEqual(headers("Kafka-Header-a", ""), [["a", ""]]);
  });

  it("are decoded as UTF-8, although Node.js decodes them as latin1", () => {
    assert.deepEqual(headers("Kafka-Header-a", Buffer.from("é").toString("latin1")), [["a", "é"]]);
    const long = `Kafka-Header-${"n".repeat(90)}`;
    assert.throws(
      () => headers(long, "\xff"),
      (error: OnrampError) => {
        assert.match(error.message, /^The header "kafka-header-n{47}" is not valid UTF-8\.$/);
        return error.code === 40001;
      },
    );
  });
});

describe("http: raw, the response", () => {
  it("is the receipt", () => {
    const receipts = new Receipts(1);
    Object.assign(receipts, { partitions: [2], offsets: [7], timestamps: [5] });
    const { res, answered } = recordedResponse();
    raw.answer(res, "t", receipts);
    assert.equal(answered.status, 200);
    assert.equal(answered.text, '{"topic":"t","partition":2,"offset":7,"timestamp":5}');
    assert.deepEqual(answered.headers, {
      "content-type": "application/json",
      "content-length": answered.text.length,
    });
  });

  it("is the error of the record if it was not written", () => {
    const receipts = new Receipts(1);
    const error = new OnrampError(50401, "unknown");
    receipts.fail(0, error);
    assert.throws(() => raw.answer(recordedResponse().res, "t", receipts), error);
  });
});
