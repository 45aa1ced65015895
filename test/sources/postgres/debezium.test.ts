// Compares the records of a source with those that Debezium 3.7 wrote for the same statements (debezium/zoo.sql).

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { usePostgres } from "../../support/postgres/server.ts";
import { DEVIATIONS, MISSING_RECORDS } from "./debezium/deviations.ts";
import {
  type Difference,
  differencesOf,
  type Exact,
  exact,
  type GoldenRecord,
} from "./debezium/differences.ts";
import { runZoo, type ZooRecord } from "./debezium/zoo.ts";

type Row = Readonly<Record<string, Exact>>;

describeIf(thorough, "sources: postgres, compared with Debezium", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const postgres = usePostgres();

  // All tests look at the records of one run.
  let run: ReturnType<typeof runZoo> | undefined;
  const recordsOf = async (table: string): Promise<readonly ZooRecord[]> => {
    run ??= runZoo(broker, postgres());
    return (await run).get(table) ?? [];
  };
  /** The rows after each change of a table. */
  const rowsOf = async (table: string): Promise<Row[]> =>
    (await recordsOf(`zoo.public.${table}`)).flatMap(({ value }) => {
      const { '"after"': row = null } = (exact(value ?? "{}") ?? {}) as { '"after"'?: Row | null };
      return row === null ? [] : [row];
    });

  it("writes the records of Debezium, except for the listed deviations", async () => {
    const used = new Set<string>();
    const unexpected: string[] = [];
    for (const [topic, all] of goldenRecords()) {
      const expected = all.filter((record) => {
        const missing = MISSING_RECORDS.find(({ matches }) => matches(record));
        if (missing) used.add(missing.reason);
        return !missing;
      });
      const records = await recordsOf(topic);
      if (records.length !== expected.length)
        unexpected.push(`${topic} has ${records.length} of ${expected.length} records`);
      for (const [n, golden] of expected.entries()) {
        const record = records[n];
        for (const difference of record ? differencesOf(golden, record) : []) {
          const deviation = DEVIATIONS.find(({ matches }) => matches(difference));
          if (deviation) used.add(deviation.reason);
          else unexpected.push(textOf(n, difference));
        }
      }
    }
    assert.deepEqual(unexpected, []);
    const reasons = [...MISSING_RECORDS, ...DEVIATIONS].map(({ reason }) => reason);
    assert.deepEqual(
      reasons.filter((reason) => !used.has(reason)),
      [],
      "deviations that no record has",
    );
  });

  for (const [table, count] of [["types", 117] as const, ["types2", 12] as const])
    it(`writes the rows of ${table} alike in the snapshot and in the stream`, async () => {
      const rows = await rowsOf(table);
      const [read, streamed] = [rows.slice(0, count), rows.slice(count)];
      const streamedIds = read.map((row) => ({ ...row, '"id"': `${Number(row['"id"']) + 1000}` }));
      assert.equal(streamed.length, count);
      assert.deepEqual(streamed, streamedIds);
    });

  it("writes a placeholder for unchanged values, also of types that Debezium writes null for", async () => {
    const [, changed] = await recordsOf("zoo.public.toast_types");
    const text = "__debezium_unavailable_value";
    const bytes = Buffer.from(text);
    const texts = ["t", "vc", "j", "jb", "x", "n", "tv", "lt", "ct"].map((name) => [name, text]);
    assert.deepEqual(JSON.parse(changed?.value ?? "{}").after, {
      id: 1,
      small: 2,
      ...Object.fromEntries(texts),
      by: bytes.toString("base64"),
      vb: bytes.toString("base64"),
      ta: [text],
      na: [text],
      tsa: [text],
      ia: [...bytes],
      ba: [...bytes],
      ua: ["b68a35a7-17ad-35b3-af2a-ae46edb4545a"],
      bya: [bytes.toString("base64")],
      h: JSON.stringify({ [text]: text }),
    });
  });

  it("leaves generated columns out of the snapshot too, as PostgreSQL does in the stream", async () => {
    assert.deepEqual(
      (await rowsOf("gen")).map((row) => Object.keys(row).join()),
      new Array(3).fill('"id","a","ident"'),
    );
  });

  it("writes the rows of partitions once, and a move to another partition as a delete and an insert", async () => {
    const ops = async (table: string): Promise<string> =>
      (await recordsOf(`zoo.public.${table}`))
        .map(({ value }) => JSON.parse(value ?? "null")?.op ?? "tombstone")
        .join(" ");
    assert.equal(await ops("part"), "");
    assert.equal(await ops("part_2023"), "r c u d tombstone");
    assert.equal(await ops("part_2024"), "r c c d tombstone");
    assert.equal(await ops("part_2025"), "c");
  });

  it("writes the new and the old key with a change of the key", async () => {
    const keysOf = ({ key, headers }: ZooRecord) => [
      key,
      headers.flatMap(([name, value]) => (name.includes("context") ? [] : [name, JSON.parse(value)])),
    ];
    const [before, after] = [{ t: '{"a":1}' }, { t: 'x "y" \\ ü 😀' }];
    const key = JSON.stringify(before);
    assert.deepEqual((await recordsOf("zoo.public.key_text")).slice(3, 6).map(keysOf), [
      [key, ["__debezium.newkey", after]],
      [key, ["__debezium.newkey", after]],
      ['{"t":"x \\"y\\" \\\\ ü \\uD83D\\uDE00"}', ["__debezium.oldkey", before]],
    ]);
  });
});

/** Debezium's records, by topic. */
function goldenRecords(): ReadonlyMap<string, readonly GoldenRecord[]> {
  const lines = readFileSync(new URL("debezium/records.jsonl", import.meta.url), "utf8").split("\n");
  const byTopic = new Map<string, GoldenRecord[]>();
  for (const line of lines.filter(Boolean)) {
    const record: GoldenRecord = JSON.parse(line);
    const records = byTopic.get(record.topic) ?? [];
    records.push(record);
    byTopic.set(record.topic, records);
  }
  return byTopic;
}

const textOf = (n: number, { topic, key, op, path, debezium, onramp }: Difference): string =>
  `${topic} ${n} (${op ?? "tombstone"} ${key}): ${path || "value"} is ${JSON.stringify(onramp)}, and ${JSON.stringify(debezium)} in Debezium`;
