// Schemas, expressions, JSON, the budget, and the one way in.

import { strict as assert } from "node:assert";
import { Budget } from "../../src/core/budget.ts";
import { asOnrampError, errorTable, OnrampError } from "../../src/core/errors.ts";
import { compileExpression, ExpressionError, toKey } from "../../src/core/expressions.ts";
import { createIngest } from "../../src/core/ingest.ts";
import { MAX_VALUES, parseJson } from "../../src/core/json.ts";
import type { Meter } from "../../src/core/ports.ts";
import { type AcceptedRecord, type Draft, Receipts } from "../../src/core/record.ts";
import { compileSchema, SchemaError } from "../../src/core/schemas.ts";
import type { TopicRules } from "../../src/core/topics.ts";

const code = (expected: number) => (error: unknown) =>
  error instanceof OnrampError && error.code === expected;

describe("core: errors", () => {
  it("every code's status begins it, and says what is known", () => {
    for (const [number, { status, known }] of Object.entries(errorTable)) {
      assert.equal(Math.floor(Number(number) / 100), status);
      assert.equal(known === "unknown", status === 504 || number === "50000");
    }
  });
  it("what nobody foresaw is 50000, its text kept from the caller", () => {
    const error = asOnrampError(new Error("the secret is x"));
    assert.deepEqual([error.code, error.message.includes("secret")], [50000, false]);
    assert.equal((error.cause as Error).message, "the secret is x");
  });
});

describe("core: schemas", () => {
  it("names every violation with pointer and keyword", () => {
    const schema = compileSchema(
      {
        type: "object",
        required: ["id"],
        properties: { n: { type: "integer" } },
        additionalProperties: false,
      },
      "s",
    );
    assert.equal(schema.violations({ id: 1 }, 10)?.[0]?.keyword, "additionalProperties");
    const found = schema.violations({ n: 1.5, x: 1 }, 10);
    assert.deepEqual(found?.map(({ pointer, keyword }) => [pointer, keyword]).sort(), [
      ["", "additionalProperties"],
      ["", "required"],
      ["/n", "type"],
    ]);
    assert.equal(schema.violations({ n: 1.5, x: 1 }, 1_000_000)?.length, 1);
  });
  it("knows draft 2020-12 and draft-07, and no other", () => {
    assert.equal(
      compileSchema(
        { $schema: "http://json-schema.org/draft-07/schema#", items: [{ type: "number" }] },
        "s",
      ).violations(["x"], 5)?.length,
      1,
    );
    assert.equal(compileSchema({ prefixItems: [{ type: "number" }] }, "s").violations(["x"], 5)?.length, 1);
    assert.throws(
      () => compileSchema({ $schema: "http://json-schema.org/draft-04/schema#" }, "s"),
      SchemaError,
    );
  });
  it("refuses what is broken, with the file's name", () => {
    for (const broken of [
      { type: "strnig" },
      { $ref: "other.json" },
      { unknownKeyword: 1 },
      [],
      null,
      { $async: true },
    ])
      assert.throws(() => compileSchema(broken, "orders.json"), /orders\.json/);
  });
  it("warns about what can run away on hostile input, wherever it stands", () => {
    const { warnings } = compileSchema(
      {
        $defs: { a: { type: "string", pattern: "^(a+)+$" } },
        properties: {
          b: { type: "array", uniqueItems: true },
          c: { patternProperties: { "^x": {} } },
          d: { type: "string", pattern: "a", maxLength: 9 },
        },
      },
      "s",
    );
    assert.deepEqual(
      warnings.map((warning) => /#([^:]*): "(\w+)"/.exec(warning)?.slice(1)),
      [
        ["/$defs/a", "pattern"],
        ["/properties/b", "uniqueItems"],
        ["/properties/c", "patternProperties"],
      ],
    );
  });
});

describe("core: expressions", () => {
  it("give keys without quotes, as JSON, or none", async () => {
    assert.equal(toKey(await compileExpression("a.b").evaluate({ a: { b: "x" } }, {}))?.toString(), "x");
    assert.equal(toKey(7)?.toString(), "7");
    assert.equal(toKey({ a: 1 })?.toString(), '{"a":1}');
    assert.equal(toKey(undefined), null);
    assert.throws(() => toKey(2 ** 60), ExpressionError);
  });
  it("tell of a mistake with its position and without their text", async () => {
    assert.throws(
      () => compileExpression('$secret & "'),
      (error: Error) => /position/.test(error.message) && !error.message.includes("secret"),
    );
    await assert.rejects(compileExpression("$uppercase(1, 2)").evaluate({}, {}), ExpressionError);
  });
});

describe("core: JSON", () => {
  it("bounds depth and values before it parses", () => {
    assert.ok(Array.isArray(parseJson(Buffer.from(`${"[".repeat(1000)}${"]".repeat(1000)}`), "It")));
    assert.throws(() => parseJson(Buffer.from(`${"[".repeat(1001)}${"]".repeat(1001)}`), "It"), code(40001));
    assert.throws(() => parseJson(Buffer.from(`[${"0,".repeat(MAX_VALUES)}0]`), "It"), code(41301));
    assert.ok(parseJson(Buffer.from(JSON.stringify([",".repeat(MAX_VALUES * 2)])), "It"));
  });
  it("says where it breaks, without quoting it", () => {
    assert.throws(
      () => parseJson(Buffer.from('{"password": secret}'), "It"),
      (error: Error) => /unexpected/.test(error.message) && !error.message.includes("secret"),
    );
  });
});

describe("core: budget", () => {
  it("bounds all, and each client to half; what is given back is free", () => {
    const budget = new Budget(100);
    budget.take("a", 50);
    assert.throws(() => budget.take("a", 1), code(42901));
    budget.take("b", 50);
    assert.throws(() => budget.take("c", 1), code(50301));
    budget.give("a", 50);
    budget.take("c", 50);
    assert.equal(budget.used, 100);
  });
});

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

  it("stamps the time of receipt where the caller gave none", async () => {
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
  it("takes the key from the value, where the caller sends none", async () => {
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
  it("dead-letters what is invalid or has no key, where a webhook asks for it", async () => {
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
  it("lets nobody write what is Kafka's or our own", async () => {
    for (const topic of ["__x", "onramp.sources", "a.dead-letter"])
      await assert.rejects(accept(topic, draft("x")), code(40301));
  });
});
