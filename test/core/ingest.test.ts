// The ingest: validates every record and sets its timestamp.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { compileExpression } from "../../src/core/expressions.ts";
import { createIngest } from "../../src/core/ingest.ts";
import type { Meter } from "../../src/core/ports.ts";
import { type AcceptedRecord, type Draft, Receipts } from "../../src/core/record.ts";
import { compileSchema } from "../../src/core/schemas.ts";
import type { TopicRules } from "../../src/core/topics.ts";

const code = (expected: number) => (error: unknown) =>
  error instanceof OnrampError && error.code === expected;

describe("core: ingest", () => {
  const seen: { topic: string; records: readonly AcceptedRecord[] }[] = [];
  const refused: unknown[] = [];
  const meter: Meter = { countAppended: () => {}, countRefused: (_, error) => void refused.push(error) };
  const records = {
    append: async (topic: string, appended: readonly AcceptedRecord[]) => {
      seen.push({ topic, records: appended });
      return new Receipts(appended.length);
    },
  };
  const rules = (extra: Partial<TopicRules>): TopicRules => ({
    schema: undefined,
    key: undefined,
    tombstones: true,
    ...extra,
  });
  const schema = compileSchema({ type: "object", required: ["id"] }, "s");
  const ingest = createIngest({
    records,
    meter,
    namespace: "onramp",
    topics: new Map([
      ["strict", rules({ schema, tombstones: false })],
      ["lax", rules({ schema })],
      ["keyed", rules({ key: compileExpression("id") })],
      ["both", rules({ schema, key: compileExpression("$number(id)") })],
    ]),
  });
  const draft = (value: string | null, extra: Partial<Draft> = {}): Draft => ({
    key: null,
    value: value === null ? null : Buffer.from(value),
    headers: [],
    ...extra,
  });
  const accept = (topic: string, ...drafts: Draft[]) => ingest.accept(topic, drafts, { deadline: 0 });

  it("sets the time of receipt if the caller gave no timestamp", async () => {
    const before = Date.now();
    await accept("free", draft("x"), draft("y", { timestamp: 5 }));
    const [first, second] = seen.at(-1)?.records ?? [];
    assert.ok((first?.timestamp ?? 0) >= before);
    assert.equal(second?.timestamp, 5);
  });
  it("refuses the whole request with the index of each bad record", async () => {
    await assert.rejects(
      accept("strict", draft('{"id":1}'), draft("{}"), draft("no json"), draft(null)),
      (error: OnrampError) =>
        error.code === 42206 && error.errors?.map(({ index }) => index).join() === "1,2,3",
    );
    assert.ok(refused.length > 0);
    await accept("lax", draft(null));
  });
  it("takes the key from the value if the caller sends none", async () => {
    await accept(
      "keyed",
      draft('{"id":"a"}'),
      draft('{"id":"a"}', { key: Buffer.from("own") }),
      draft("{}"),
      draft(null),
    );
    assert.deepEqual(
      seen.at(-1)?.records.map(({ key }) => key?.toString()),
      ["a", "own", undefined, undefined],
    );
    await assert.rejects(accept("keyed", draft("no json")), code(40001));
    await assert.rejects(accept("both", draft('{"id":"no number"}')), code(40001));
  });
  it("dead-letters records that are invalid or have no key, if the webhook is configured so", async () => {
    for (const [topic, value] of [
      ["strict", "{}"],
      ["both", '{"id":"no number"}'],
    ] as const) {
      await ingest.accept(topic, [draft(value)], { deadline: 0, deadLetterFor: "hook" });
      const last = seen.at(-1);
      assert.equal(last?.topic, `${topic}.dead-letter`);
      assert.ok(
        last?.records[0]?.headers.some(
          ({ key, value: reason }) =>
            key === "__connect.errors.exception.message" && reason && reason.length > 0,
        ),
      );
    }
  });
  it("refuses the internal topics of Kafka and Onramp", async () => {
    for (const topic of ["__x", "onramp.sources", "a.dead-letter"])
      await assert.rejects(accept(topic, draft("x")), code(40301));
  });
});
