// The outcomes that the ingest returns, the records that it appends, and the counts.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { compileExpression } from "../../src/core/expressions.ts";
import { type AcceptOptions, createIngest } from "../../src/core/ingest.ts";
import type { AppendOptions } from "../../src/core/ports.ts";
import { type AcceptedRecord, type Draft, Receipts } from "../../src/core/record.ts";
import { compileSchema } from "../../src/core/schemas.ts";
import type { TopicRules } from "../../src/core/topics.ts";

const rules = (extra: Partial<TopicRules>): TopicRules => ({
  schema: undefined,
  key: undefined,
  tombstones: true,
  ...extra,
});
const schema = compileSchema(
  { type: "object", required: ["id"], properties: { n: { type: "integer" } } },
  "s",
);
const topics = new Map([
  ["strict", rules({ schema, tombstones: false })],
  ["keyed", rules({ key: compileExpression("$number(id)") })],
]);
const draft = (value: string | null, extra: Partial<Draft> = {}): Draft => ({
  key: null,
  value: value === null ? null : Buffer.from(value),
  headers: [],
  ...extra,
});
const broken = new OnrampError(40001, "The line is broken.");
const full = new OnrampError(41301, "The topic takes no record of that size.");

interface Append {
  readonly topic: string;
  readonly records: readonly AcceptedRecord[];
  readonly options: AppendOptions;
}

/** An ingest, its appends and its counts. The log refuses "too large", or all with `failure`. */
function setUp(failure?: OnrampError) {
  const appends: Append[] = [];
  const counted: unknown[] = [];
  const began = performance.now();
  const ingest = createIngest({
    records: {
      async append(topic, records, options) {
        appends.push({ topic, records, options });
        if (failure) throw failure;
        const receipts = new Receipts(records.length);
        for (const [index, { value, timestamp }] of records.entries()) {
          if (value?.toString() === '"too large"') receipts.fail(index, full);
          else {
            receipts.partitions[index] = 1;
            receipts.offsets[index] = 100 + index;
            receipts.timestamps[index] = timestamp;
          }
        }
        return receipts;
      },
    },
    meter: {
      countAppended: (topic, receipts, seconds) =>
        void counted.push({
          topic,
          receipts,
          inSeconds: seconds >= 0 && seconds * 1000 <= performance.now() - began,
        }),
      countRefused: (topic, error, records) => void counted.push({ topic, error, records }),
    },
    namespace: "ns",
    topics,
  });
  const accept = (topic: string, drafts: Draft[], options: Partial<AcceptOptions> = {}) =>
    ingest.accept(topic, drafts, { deadline: 77, ...options });
  return { ingest, accept, appends, counted };
}
const codes = (receipts: Receipts): (number | undefined)[] =>
  Array.from({ length: receipts.count }, (_, index) => receipts.errors?.[index]?.code);
const values = (append: Append | undefined): (string | undefined)[] | undefined =>
  append?.records.map(({ value }) => value?.toString());

describe("core: outcomes of an ingest", () => {
  it("are receipts for all records, which are appended with the deadline only and counted once", async () => {
    const { accept, appends, counted } = setUp();
    const receipts = await accept("free", [draft("a"), draft("b", { partition: 3 })]);
    assert.deepEqual([receipts.offsets, receipts.errors], [[100, 101], undefined]);
    assert.deepEqual(
      appends.map(({ topic, options }) => [topic, options]),
      [["free", { deadline: 77 }]],
    );
    assert.equal(appends[0]?.records[1]?.partition, 3);
    assert.deepEqual(counted, [{ topic: "free", receipts, inSeconds: true }]);
  });

  it("are one error for the whole request, counted with its records, if one is bad", async () => {
    const { accept, appends, counted } = setUp();
    for (const [topic, drafts] of [
      ["strict", [draft('{"id":1}'), draft("{}")]],
      ["keyed", [draft('{"id":1}'), draft('{"id":"x"}')]],
      ["free", [draft("{}", { json: "Record 0" }), draft("{", { json: "Record 1" })]],
      ["ns.sources", [draft("a"), draft("b")]],
    ] as const) {
      const error = await accept(topic, [...drafts]).then(
        () => assert.fail(topic),
        (thrown: unknown) => thrown,
      );
      assert.deepEqual(counted.splice(0), [{ topic, error, records: 2 }]);
    }
    assert.deepEqual(appends, []);
  });

  it("are an error, which is counted, if Kafka is unreachable", async () => {
    const away = new OnrampError(50301, "Kafka is away.");
    const { accept, counted } = setUp(away);
    await assert.rejects(accept("free", [draft("a")]), away);
    assert.deepEqual(counted, [{ topic: "free", error: away, records: 1 }]);
  });

  it("are receipts and errors in one list if only the bad records fail", async () => {
    const { accept, appends, counted } = setUp();
    const receipts = await accept(
      "strict",
      [
        draft('{"id":0}'),
        draft("{}"),
        draft('{"id":2}'),
        draft(null),
        draft("x", { fault: broken }),
        draft('{"id":5}'),
      ],
      { onBadRecord: "continue" },
    );
    assert.deepEqual(codes(receipts), [undefined, 42206, undefined, 42206, 40001, undefined]);
    assert.equal(receipts.errors?.[4], broken);
    assert.deepEqual(receipts.offsets, [100, -1, 101, -1, -1, 102]);
    assert.deepEqual(values(appends[0]), ['{"id":0}', '{"id":2}', '{"id":5}']);
    assert.deepEqual(appends[0]?.options, { deadline: 77, onBadRecord: "continue" });
    assert.equal(counted.length, 1);
  });

  it("end with the first bad record if the caller asks for that", async () => {
    const { accept, appends } = setUp();
    const drafts = () => [draft('{"id":0}'), draft('{"id":1}'), draft("{}"), draft("[]"), draft('{"id":4}')];
    const receipts = await accept("strict", drafts(), { onBadRecord: "stop" });
    assert.deepEqual(
      [codes(receipts), receipts.offsets],
      [
        [undefined, undefined, 42206],
        [100, 101, -1],
      ],
    );
    assert.deepEqual(values(appends[0]), ['{"id":0}', '{"id":1}']);
    const all = await accept("strict", drafts().slice(0, 2), { onBadRecord: "stop" });
    assert.deepEqual([all.count, all.errors], [2, undefined]);
  });

  it("are not looked for behind the first bad record where the caller stops there", async () => {
    const { accept } = setUp();
    const behind = draft('{"id":"1"}');
    await accept("keyed", [draft('{"id":"x"}'), behind], { onBadRecord: "stop" });
    assert.deepEqual([behind.parsed, behind.key], [undefined, null]);
  });

  it("need the topic only where the caller asks for it", async () => {
    const { accept, appends } = setUp();
    const drafts = [draft("{}"), draft("x", { fault: broken })];
    const receipts = await accept("strict", drafts, { onBadRecord: "continue", checksTopic: true });
    assert.deepEqual([codes(receipts), appends.map(values)], [[42206, 40001], [[]]]);
  });

  it("are known without Kafka where no record is good", async () => {
    const { accept, appends, counted } = setUp();
    const drafts = [draft("{}"), draft("x", { fault: broken })];
    const receipts = await accept("strict", drafts, { onBadRecord: "continue" });
    assert.deepEqual([codes(receipts), appends.length, counted.length], [[42206, 40001], 0, 1]);
  });

  it("distinguish a record that Kafka refused from one that Onramp refused", async () => {
    const { accept } = setUp();
    const drafts = [draft("x", { fault: broken }), draft('"too large"'), draft("y")];
    const receipts = await accept("free", drafts, { onBadRecord: "continue" });
    assert.deepEqual(
      [codes(receipts), receipts.offsets],
      [
        [40001, 41301, undefined],
        [-1, -1, 101],
      ],
    );
  });

  it("come from an append with the caller's onQueued, if there is one", async () => {
    const { accept, appends } = setUp();
    const onQueued = (): void => {};
    await accept("free", [draft("a")], { onBadRecord: "continue", onQueued });
    await accept("free", [draft("a"), draft("b", { fault: broken })], { onBadRecord: "stop", onQueued });
    const options = { deadline: 77, onBadRecord: "continue", onQueued };
    assert.deepEqual(
      appends.map((append) => append.options),
      [options, options],
    );
  });

  it("are an error for a line whose key expression fails: it is not written without a key", async () => {
    const { accept, appends } = setUp();
    const drafts = [
      draft('{"id":"1"}'),
      draft('{"id":"x"}'),
      draft('{"id":"x"}', { key: Buffer.from("own") }),
    ];
    const receipts = await accept("keyed", drafts, { onBadRecord: "continue" });
    assert.deepEqual(codes(receipts), [undefined, 40001, undefined]);
    assert.match(receipts.errors?.[1]?.message ?? "", /^The key of the record could not be computed: /);
    assert.deepEqual(
      appends[0]?.records.map(({ key }) => key?.toString()),
      ["1", "own"],
    );
    const noJson = await accept("keyed", [draft("no json")], { onBadRecord: "continue" });
    assert.deepEqual(codes(noJson), [40001]);
  });

  it("have the time of the request as the timestamp of every record without one", async () => {
    const { accept } = setUp();
    const before = Date.now();
    const { timestamps } = await accept("free", [draft("a"), draft("b", { timestamp: 0 }), draft("c")]);
    assert.ok((timestamps[0] ?? 0) >= before && (timestamps[0] ?? 0) <= Date.now());
    assert.deepEqual(timestamps, [timestamps[0], 0, timestamps[0]]);
  });
});
