// Dead letters of invalid deliveries, and of records that a sink gave up.

import { strict as assert } from "node:assert";
import {
  deadLetterDrafts,
  deadLetterHeaders,
  isIncomplete,
  readDeadLetter,
} from "../../src/core/dead-letter.ts";
import { OnrampError } from "../../src/core/errors.ts";
import { compileExpression } from "../../src/core/expressions.ts";
import { createIngest } from "../../src/core/ingest.ts";
import type { AppendOptions } from "../../src/core/ports.ts";
import { type AcceptedRecord, type Header, Receipts } from "../../src/core/record.ts";
import { compileSchema } from "../../src/core/schemas.ts";

const schema = compileSchema(
  { type: "object", required: ["id"], properties: { n: { type: "integer" } } },
  "s",
);

/** An ingest with one topic, the records that it appended, and the topics that it counted. */
function setUp(refusal?: OnrampError) {
  const appends: { topic: string; records: readonly AcceptedRecord[]; options: AppendOptions }[] = [];
  const counted: string[] = [];
  const ingest = createIngest({
    records: {
      async append(topic, records, options) {
        appends.push({ topic, records, options });
        const receipts = new Receipts(records.length);
        if (refusal) receipts.fail(0, refusal);
        return receipts;
      },
    },
    meter: {
      countAppended: (topic) => void counted.push(topic),
      countRefused: (topic) => void counted.push(`refused ${topic}`),
    },
    namespace: "ns",
    topics: new Map([["t", { schema, key: compileExpression("$number(id)"), tombstones: false }]]),
  });
  return { ingest, appends, counted };
}
const text = (headers: readonly Header[] = []): string[] =>
  headers.map(({ key, value }) => `${key}=${value}`);
const own = { key: "h", value: Buffer.from("v") };

describe("core: dead letters", () => {
  it("of a webhook contain the unchanged record and every violation, for any partition", async () => {
    const { ingest, appends, counted } = setUp();
    const draft = { key: null, value: Buffer.from('{"n":1.5}'), headers: [own], partition: 4, timestamp: 9 };
    await ingest.accept("t", [draft], { deadline: 77, deadLetterFor: "hook" });
    const [{ topic, records, options } = assert.fail()] = appends;
    assert.deepEqual([topic, options, counted], ["t.dead-letter", { deadline: 77 }, ["t.dead-letter"]]);
    const [letter] = records;
    assert.deepEqual(
      [letter?.key, letter?.value?.toString(), letter?.partition, letter?.timestamp],
      [null, '{"n":1.5}', undefined, 9],
    );
    assert.deepEqual(text(letter?.headers), [
      "h=v",
      "__connect.errors.topic=t",
      "__connect.errors.exception.class.name=SchemaViolation",
      "__connect.errors.exception.message=must have required property 'id'; /n must be integer",
      "onramp.error.attempts=1",
      "onramp.error.webhook=hook",
    ]);
  });

  it("of a webhook name the error of the key expression", async () => {
    const { ingest, appends } = setUp();
    const draft = { key: null, value: Buffer.from('{"id":"x"}'), headers: [] };
    await ingest.accept("t", [draft], { deadline: 0, deadLetterFor: "hook" });
    const [message] = text(appends[0]?.records[0]?.headers).filter((header) => /message/.test(header));
    assert.match(message ?? "", /^__connect\.errors\.exception\.message=The key of the record could not be/);
  });

  it("are not written for a delivery that is valid", async () => {
    const { ingest, appends } = setUp();
    const draft = { key: null, value: Buffer.from('{"id":"1"}'), headers: [] };
    await ingest.accept("t", [draft], { deadline: 0, deadLetterFor: "hook" });
    assert.deepEqual([appends[0]?.topic, appends[0]?.records[0]?.key?.toString()], ["t", "1"]);
  });

  it("of a sink contain the unchanged record, its position, the reason and the attempts", async () => {
    const { ingest, appends } = setUp();
    const place = { topic: "t", partition: 3, offset: 41, timestamp: 1234 };
    const record = { ...place, key: Buffer.from("k"), value: Buffer.from("no json"), headers: [own] };
    const before = Date.now();
    await ingest.deadLetter(record, { sink: "team", reason: "410", attempts: 6, deadline: 99 });
    const [{ topic, records, options } = assert.fail()] = appends;
    assert.deepEqual([topic, options, records.length], ["t.dead-letter", { deadline: 99 }, 1]);
    const [letter] = records;
    assert.deepEqual([letter?.key?.toString(), letter?.value?.toString()], ["k", "no json"]);
    assert.ok((letter?.timestamp ?? 0) >= before);
    assert.deepEqual(text(letter?.headers), [
      "h=v",
      "__connect.errors.topic=t",
      "__connect.errors.partition=3",
      "__connect.errors.offset=41",
      "onramp.error.timestamp=1234",
      "__connect.errors.exception.class.name=DeliveryFailed",
      "__connect.errors.exception.message=410",
      "onramp.error.attempts=6",
      "onramp.error.sink=team",
    ]);
    assert.deepEqual(readDeadLetter(letter?.headers ?? []), { ...place, headers: [own], sink: "team" });
  });

  it("of a sink fail with Kafka's error if Kafka refuses them: the record is not lost", async () => {
    const refusal = new OnrampError(41301, "too large");
    const record = { topic: "t", partition: 0, offset: 0, timestamp: 0, key: null, value: null, headers: [] };
    const failure = { sink: "team", reason: "410", attempts: 1, deadline: 0 };
    await assert.rejects(setUp(refusal).ingest.deadLetter(record, failure), refusal);
  });

  it("have a reason of at most 1000 characters", async () => {
    const { ingest, appends } = setUp();
    const record = { topic: "t", partition: 0, offset: 0, timestamp: 0, key: null, value: null, headers: [] };
    await ingest.deadLetter(record, { sink: "s", reason: "x".repeat(5000), attempts: 1, deadline: 0 });
    const message = appends[0]?.records[0]?.headers.find(({ key }) => /message/.test(key));
    assert.equal(message?.value?.length, 1000);
  });

  it("are read without a position if they have none; the headers that were added last count", () => {
    assert.deepEqual(readDeadLetter([own]), {
      headers: [own],
      sink: undefined,
      topic: undefined,
      partition: undefined,
      offset: undefined,
      timestamp: undefined,
    });
    const header = (key: string, value: string | null) => ({
      key,
      value: value === null ? null : Buffer.from(value),
    });
    const sink = (name: string | null) => header("onramp.error.sink", name);
    const topic = (name: string) => header("__connect.errors.topic", name);
    assert.equal(readDeadLetter([topic("t"), sink("first"), own, topic("t"), sink("last")]).sink, "last");
    assert.equal(readDeadLetter([topic("t"), sink(null)]).sink, undefined);
  });

  it("restore the headers of the record, also those that have the names of added headers", () => {
    const omitted = { key: "onramp.error.value-omitted", value: Buffer.from("1") };
    const added = (topic: string) =>
      deadLetterHeaders({
        ...{ topic, className: "DeliveryFailed", reason: "410", attempts: 1, by: { sink: "s" } },
        place: { partition: 1, offset: 2, timestamp: 3 },
      });
    const record = { key: null, value: Buffer.from("v"), headers: [omitted, own] };
    const [complete, , , smaller] = [...deadLetterDrafts(record, added("t"))];
    assert.equal(isIncomplete(complete?.draft.headers ?? []), false);
    assert.equal(isIncomplete(smaller?.draft.headers ?? []), true);
    assert.deepEqual(readDeadLetter(complete?.draft.headers ?? []).headers, [omitted, own]);
    // A sink that reads a dead-letter topic: the record is an incomplete dead letter, and its own dead letter is complete.
    const nested = [...(smaller?.draft.headers ?? []), ...added("t.dead-letter")];
    assert.equal(isIncomplete(nested), false);
    assert.deepEqual(readDeadLetter(nested), {
      ...{ headers: smaller?.draft.headers, sink: "s", topic: "t.dead-letter" },
      ...{ partition: 1, offset: 2, timestamp: 3 },
    });
    assert.equal(isIncomplete([omitted]), false);
  });
});
