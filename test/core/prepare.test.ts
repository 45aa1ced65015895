// The records of a source's transaction: records for their own topics, dead letters, and the record with the cursor.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { type PreparedBatch, prepareBatch, type TopicDraft } from "../../src/core/prepare.ts";
import { compileSchema } from "../../src/core/schemas.ts";
import type { RulesByTopic } from "../../src/core/topics.ts";
import { acceptedRecord } from "../support/segments.ts";

const state: TopicDraft = {
  topic: "ns.sources",
  draft: { key: Buffer.from("s"), value: Buffer.from("{}"), headers: [] },
};
const draftOf = (topic: string, value: string | null, more: object = {}): TopicDraft => ({
  topic,
  draft: { key: null, value: value === null ? null : Buffer.from(value), headers: [], ...more },
});

function prepare(drafts: readonly TopicDraft[], topics: RulesByTopic = new Map()): Promise<PreparedBatch> {
  return prepareBatch(
    drafts,
    { source: "s", state },
    {
      topics,
      namespace: "ns",
      stamp: ({ value, ...more }) =>
        acceptedRecord(value, { ...more, timestamp: more.timestamp ?? 5 } as object),
    },
  );
}
const texts = ({ records }: PreparedBatch): string[] =>
  records.map(({ topic, record }) => `${topic}: ${record.value?.toString() ?? "null"}`);
const tooLarge = new OnrampError(41301, "too large");
const headersOf = ({ records }: PreparedBatch, index: number): Record<string, string> =>
  Object.fromEntries((records[index]?.record.headers ?? []).map(({ key, value }) => [key, String(value)]));

describe("core: preparing the batch of a source", () => {
  it("keeps the order, and puts the cursor last", async () => {
    const batch = await prepare([draftOf("a", "1"), draftOf("b", "2"), draftOf("a", null)]);
    assert.deepEqual(texts(batch), ["a: 1", "b: 2", "a: null", "ns.sources: {}"]);
    assert.deepEqual([batch.deadLetters, batch.firstReason], [0, undefined]);
  });

  it("validates each draft against the rules of its topic", async () => {
    const schema = compileSchema({ type: "integer" }, "s.json", { type: "integer" });
    const rules = { schema, key: undefined, tombstones: false };
    const batch = await prepare(
      [draftOf("a", "1"), draftOf("a", '"x"'), draftOf("b", '"x"'), draftOf("a", null), draftOf("a", "{")],
      new Map([["a", rules]]),
    );
    assert.deepEqual(texts(batch), [
      "a: 1",
      'a.dead-letter: "x"',
      'b: "x"',
      "a.dead-letter: null",
      "a.dead-letter: {",
      "ns.sources: {}",
    ]);
    assert.equal(batch.deadLetters, 3);
    assert.deepEqual(
      [1, 2, 3, 5].map((index) => batch.isDeadLetter(index)),
      [true, false, true, false],
    );
    const headers = headersOf(batch, 1);
    assert.equal(headers["onramp.error.source"], "s");
    assert.equal(headers["__connect.errors.topic"], "a");
    assert.equal(headers["__connect.errors.partition"], undefined);
  });

  it("replaces a refused record with its dead letter, then with smaller ones, and finally throws the error", async () => {
    const batch = await prepare([draftOf("a", "x".repeat(100), { key: Buffer.from("k"), partition: 3 })]);
    const seen: string[] = [];
    assert.throws(() => {
      for (;;) {
        batch.replace(0, tooLarge);
        const [letter] = batch.records;
        seen.push(
          `${letter?.record.value?.length ?? "null"} ${letter?.record.key ?? "null"} ${letter?.compress ?? ""}`,
        );
        assert.equal(letter?.topic, "a.dead-letter");
        assert.equal(letter?.record.partition, undefined);
      }
    }, tooLarge);
    assert.deepEqual(seen, ["100 k ", "100 k true", "null k ", "null null ", "null null "]);
    assert.equal(batch.deadLetters, 1);
  });

  it("throws when Kafka refuses the record with the cursor, or a dead letter for a reason other than its size", async () => {
    const batch = await prepare([draftOf("a", "1")]);
    assert.throws(() => batch.replace(1, tooLarge), tooLarge);
    batch.replace(0, tooLarge);
    const denied = new OnrampError(40301, "denied");
    assert.throws(() => batch.replace(0, denied), denied);
  });

  it("gives a dead letter the timestamp of its record, unless Kafka refuses that", async () => {
    const batch = await prepare([draftOf("a", "1", { timestamp: 77 }), draftOf("a", "2", { timestamp: 77 })]);
    batch.replace(0, tooLarge);
    batch.replace(1, new OnrampError(40001, "the timestamp is too late"));
    assert.deepEqual(
      batch.records.slice(0, 2).map(({ record }) => record.timestamp),
      [77, 5],
    );
  });

  it("refuses topics that only Kafka or Onramp may write", async () => {
    for (const topic of ["__x", "ns.sources", "a.dead-letter"])
      await assert.rejects(prepare([draftOf("a", "1"), draftOf(topic, "1")]), /must write to another topic/);
  });
});
