// Applies the rules of a topic to records.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { compileExpression } from "../../src/core/expressions.ts";
import type { Draft } from "../../src/core/record.ts";
import { compileSchema } from "../../src/core/schemas.ts";
import type { TopicRules } from "../../src/core/topics.ts";
import { problemOf, requireJson, schemaProblem, setKeys, violationsIn } from "../../src/core/validate.ts";

const schema = compileSchema({ type: "object", required: ["id"] }, "s");
const rules = (extra: Partial<TopicRules> = {}): TopicRules => ({
  schema: undefined,
  key: undefined,
  tombstones: true,
  ...extra,
});
const draft = (value: string | null, extra: Partial<Draft> = {}): Draft => ({
  key: null,
  value: value === null ? null : Buffer.from(value),
  headers: [],
  ...extra,
});
const problem = (code: number, text: RegExp) => (error: unknown) =>
  error instanceof OnrampError && error.code === code && text.test(error.message);

describe("core: rules of a topic", () => {
  it("accept any bytes if the value need not be JSON, and accept a missing value", () => {
    for (const topic of [rules(), rules({ schema }), rules({ key: compileExpression("id") })])
      for (const each of [draft("{"), draft(null, { json: "The body" })]) {
        requireJson(each, topic);
        assert.equal(each.parsed, undefined);
      }
  });

  it("refuse a value that should be JSON and is not, and name it", () => {
    for (const topic of [rules(), rules({ schema }), rules({ key: compileExpression("id") })])
      assert.throws(
        () => requireJson(draft("{", { json: "Record 3" }), topic),
        problem(40001, /^Record 3 is not valid JSON/),
      );
  });

  it("parse JSON only if a schema or a key expression needs the value", () => {
    const parsed = (topic: TopicRules): unknown => {
      const each = draft('{"id":1}', { json: "The body" });
      requireJson(each, topic);
      return each.parsed;
    };
    assert.equal(parsed(rules()), undefined);
    assert.deepEqual(parsed(rules({ schema })), { id: 1 });
    assert.deepEqual(parsed(rules({ key: compileExpression("id") })), { id: 1 });
  });

  it("report no violations without a schema, or if every value matches it", () => {
    assert.equal(violationsIn([draft("x"), draft(null)], rules({ tombstones: false })), undefined);
    assert.equal(violationsIn([draft('{"id":1}'), draft(null)], rules({ schema })), undefined);
  });

  it("name the index of the record of each violation if there are several records", () => {
    const strict = rules({ schema, tombstones: false });
    const missing = {
      error_code: 42206,
      pointer: "",
      keyword: "required",
      message: "must have required property 'id'",
    };
    assert.deepEqual(violationsIn([draft("{}")], strict), [missing]);
    assert.deepEqual(violationsIn([draft('{"id":1}'), draft("{}"), draft(null)], strict), [
      { index: 1, ...missing },
      {
        index: 2,
        error_code: 42206,
        keyword: "tombstones",
        message: "the topic does not accept records without a value",
      },
    ]);
  });

  it("report a value that is not JSON as a violation of the schema", () => {
    assert.deepEqual(violationsIn([draft("{")], rules({ schema })), [
      {
        error_code: 42206,
        pointer: "",
        keyword: "type",
        message: "The value is not valid JSON: unexpected character at position 1.",
      },
    ]);
  });

  it("use the parsed value if there is one", () => {
    assert.equal(violationsIn([draft("{}", { parsed: { id: 1 } })], rules({ schema })), undefined);
  });

  it("report about a hundred of ten thousand violations of a request", () => {
    const many = Array.from({ length: 10_000 }, () => draft("{}"));
    const found = violationsIn(many, rules({ schema }));
    assert.deepEqual([found?.length, found?.at(-1)?.index], [100, 99]);
  });

  it("name the first violation in the message, and contain all of them", () => {
    const message = (records: number, detail: object): string => {
      const errors = [{ index: 7, message: "must be integer", ...detail }];
      const error = schemaProblem("orders", errors, records);
      assert.deepEqual([error.code, error.errors], [42206, errors]);
      return error.message;
    };
    const why = 'does not match the schema of topic "orders":';
    const [one, two] = [`The record ${why}`, `The request ${why}`];
    const [it, nothing] = ["It was not written.", "Nothing was written."];
    assert.equal(message(1, { pointer: "/n" }), `${one} /n must be integer. ${it}`);
    assert.equal(message(1, { pointer: "" }), `${one} the value must be integer. ${it}`);
    assert.equal(message(2, { pointer: "/n" }), `${two} record 7, /n must be integer. ${nothing}`);
    assert.equal(message(2, {}), `${two} record 7, the value must be integer. ${nothing}`);
  });

  it("set the key of a record that has a value and no key", async () => {
    const key = compileExpression("$topic & '-' & id");
    const drafts = [
      draft('{"id":1}'),
      draft('{"id":1}', { key: Buffer.from("own") }),
      draft(null),
      draft("no json", { parsed: { id: 2 } }),
    ];
    await setKeys(drafts, rules({ key }), "t");
    assert.deepEqual(
      drafts.map((each) => each.key?.toString()),
      ["t-1", "own", undefined, "t-2"],
    );
  });

  it("leave a record without a key where the topic has no key expression", async () => {
    const each = draft("{}");
    await setKeys([each], rules(), "t");
    assert.equal(each.key, null);
  });

  it("refuse a record whose value must be read for its key and is no JSON", async () => {
    await assert.rejects(
      setKeys([draft("{")], rules({ key: compileExpression("id") }), "t"),
      problem(40001, /^Topic "t" takes its key from the value, which is not valid JSON/),
    );
  });

  it("refuse a record whose key expression fails, with the reason, and rethrow any other error", async () => {
    await assert.rejects(
      setKeys([draft("{}")], rules({ key: compileExpression("$number('x')") }), "t"),
      (error: OnrampError) =>
        problem(40001, /could not be computed: the expression failed: JSONata D3030/)(error) &&
        (error.cause as Error).name === "ExpressionError",
    );
    const evaluate = async (): Promise<never> => {
      throw new RangeError("out of memory");
    };
    const key = { ...compileExpression("x"), evaluate };
    await assert.rejects(setKeys([draft("{}")], rules({ key }), "t"), RangeError);
  });

  it("report the first problem of one record as an error, or return none", async () => {
    const key = compileExpression("$number(id)");
    const codeOf = async (each: Draft, topic: TopicRules) => (await problemOf(each, topic, "t"))?.code;
    const json = { json: "Line 1" };
    assert.equal(await codeOf(draft("{", json), rules()), 40001);
    assert.equal(await codeOf(draft("{}", json), rules()), undefined);
    assert.equal(await codeOf(draft("{}", json), rules({ schema, key })), 42206);
    assert.equal(await codeOf(draft('{"id":"x"}', json), rules({ schema, key })), 40001);
    const good = draft('{"id":"7"}', json);
    assert.equal(await codeOf(good, rules({ schema, key })), undefined);
    assert.equal(good.key?.toString(), "7");
    const violation = await problemOf(draft("{}"), rules({ schema }), "t");
    assert.match(violation?.message ?? "", /: the value must have required property 'id'\./);
  });

  it("return synchronously if there is no key expression", () => {
    assert.equal(problemOf(draft("{}", { json: "Line 1" }), rules(), "t"), undefined);
    assert.equal(problemOf(draft('{"id":1}'), rules({ schema }), "t"), undefined);
  });
});
