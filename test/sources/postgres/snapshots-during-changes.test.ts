// Snapshots of tables whose definitions change while they are read, and of keys whose order is not that of their texts.

import { strict as assert } from "node:assert";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { usePostgres } from "../../support/postgres/server.ts";
import { type PostgresSource, startSource } from "../../support/postgres/source.ts";
import { until } from "../../support/until.ts";

const ROWS = 40_000;

describeIf(thorough, "sources: postgres, snapshots during changes of the definition", function () {
  this.timeout(90_000);
  const broker = useBroker();
  const postgres = usePostgres();
  const sql = (text: string) => postgres().sql(text);
  beforeEach(async () => {
    await postgres().emptySchema();
    await sql("CREATE EXTENSION IF NOT EXISTS citext");
  });

  const create = (table: string, columns = "id int PRIMARY KEY, code text NOT NULL") =>
    sql(
      `CREATE TABLE ${table} (${columns}); INSERT INTO ${table} SELECT n, 'c' || ${ROWS} - n FROM generate_series(1, ${ROWS}) n`,
    );
  /** Starts a source, and runs a statement while the first table is read. */
  async function during(statement: string): Promise<PostgresSource> {
    const source = await startSource(broker, postgres());
    await until(async () => (await source.state()).records >= 1000);
    await sql(statement);
    await until(async () => {
      const { cursor, state } = await source.state();
      const { tables } = cursor as {
        readonly tables?: { readonly current?: unknown; readonly pending?: unknown };
      };
      return state === "running" && tables !== undefined && !tables.current && !tables.pending;
    }, 60_000);
    return source;
  }
  /** Kafka answers a commit before its records are visible, so that the last ones may be missing for a moment. */
  const recordsOf = async (source: PostgresSource, table: string) => {
    await until(async () => (await source.records(table)).length >= ROWS, 30_000);
    return source.records(table);
  };
  const idsOf = async (source: PostgresSource, table: string): Promise<Set<unknown>> =>
    new Set((await recordsOf(source, table)).map(({ value }) => value.after.id));

  for (const [what, statement] of [
    ["another primary key", "ALTER TABLE demo DROP CONSTRAINT demo_pkey, ADD PRIMARY KEY (code)"],
    ["a key with more columns", "ALTER TABLE demo DROP CONSTRAINT demo_pkey, ADD PRIMARY KEY (id, code)"],
    ["another column", "ALTER TABLE demo ADD COLUMN more int DEFAULT 7"],
  ] as const)
    it(`reads all rows when the table gets ${what}`, async () => {
      await create("demo");
      const source = await during(statement);
      assert.equal((await idsOf(source, "public.demo")).size, ROWS);
      if (!what.includes("column") || what.includes("key")) return;
      const last = (await source.records("public.demo")).at(-1);
      assert.equal(last?.value.after.more, 7);
    });

  it("reads all rows when the key gets another type, and keeps its order", async () => {
    await create("demo");
    const source = await during("ALTER TABLE demo ALTER COLUMN id TYPE text");
    const ids = [...(await idsOf(source, "public.demo"))].map(String);
    assert.equal(new Set(ids).size, ROWS);
  });

  it("reads all rows, with their keys, when a column or the key is renamed", async () => {
    await create("demo");
    const source = await during(
      "ALTER TABLE demo RENAME code TO label; ALTER TABLE demo RENAME id TO number",
    );
    const records = await recordsOf(source, "public.demo");
    assert.ok(records.every(({ key }) => key !== null));
    const numbers = new Set(records.map(({ value }) => value.after.number ?? value.after.id));
    assert.equal(numbers.size, ROWS);
    assert.ok(records.every(({ value }) => "label" in value.after || "code" in value.after));
  });

  it("writes the rows of two tables to their own topics when their names are swapped", async () => {
    await create("a");
    await sql(
      `CREATE TABLE b (id int PRIMARY KEY, code text); INSERT INTO b SELECT -n, 'b' FROM generate_series(1, 500) n`,
    );
    const source = await during(
      "BEGIN; ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b; COMMIT",
    );
    const [a, b] = [await source.records("public.a"), await source.records("public.b")];
    const positive = [...a, ...b].filter(({ value }) => value.after.id > 0);
    assert.equal(new Set(positive.map(({ value }) => value.after.id)).size, ROWS);
    // Rows of the table that was renamed are in the topic of the name that it had when they were read.
    assert.ok(b.every(({ value }) => value.after.id > 0 || value.after.code === "b"));
  });

  it("reads keys in the order of their type: citext", async () => {
    await sql("CREATE TABLE demo (k citext PRIMARY KEY)");
    await sql(
      "INSERT INTO demo SELECT CASE n % 2 WHEN 0 THEN 'U' ELSE 'u' END || lpad(n::text, 6, '0') FROM generate_series(1, 5000) n",
    );
    const source = await startSource(broker, postgres());
    const records = await source.untilRecords("public.demo", 5000);
    assert.equal(new Set(records.map(({ value }) => value.after.k)).size, 5000);
  });

  it("has the columns of the key only in the key of a table whose index includes others", async () => {
    await sql("CREATE TABLE demo (id int, note text, PRIMARY KEY (id) INCLUDE (note))");
    await sql("INSERT INTO demo VALUES (1, 'a'), (2, 'b'), (3, NULL)");
    const source = await startSource(broker, postgres());
    const records = await source.untilRecords("public.demo", 3);
    assert.deepEqual(
      records.map(({ key }) => key),
      ['{"id":1}', '{"id":2}', '{"id":3}'],
    );
  });

  it("does not publish a table that inherits from a configured one, whose updates still work", async () => {
    await sql("CREATE TABLE parent (id int PRIMARY KEY, v int); CREATE TABLE child () INHERITS (parent)");
    await sql("INSERT INTO child VALUES (1, 1); INSERT INTO parent VALUES (2, 2)");
    const source = await startSource(broker, postgres(), { tables: ["public.parent"] });
    await source.untilRecords("public.parent", 1);
    await sql("UPDATE child SET v = 2");
    await sql("INSERT INTO parent VALUES (3, 3)");
    const ids = (await source.untilRecords("public.parent", 2)).map(({ value }) => value.after.id);
    assert.deepEqual(ids, [2, 3]);
  });

  it("writes the deletes of a table without a key while a requested snapshot of it waits", async () => {
    await create("big");
    await sql(
      "CREATE TABLE demo (a int); ALTER TABLE demo REPLICA IDENTITY FULL; INSERT INTO demo VALUES (1), (2)",
    );
    const source = await startSource(broker, postgres());
    await source.untilRecords("public.demo", 2);
    await source.untilRecords("public.big", 8000);
    await sql(`BEGIN; SELECT pg_logical_emit_message(true, 'onramp', '{"snapshot":["public.big","public.demo"]}');
      COMMIT; DELETE FROM demo WHERE a = 1; UPDATE demo SET a = 3 WHERE a = 2`);
    await until(async () => (await source.records("public.demo")).length >= 5, 60_000);
    const ops = (await source.records("public.demo")).map(({ value }) => [
      value.op,
      (value.after ?? value.before).a,
    ]);
    assert.ok(ops.some(([op, a]) => op === "d" && a === 1));
    assert.ok(ops.some(([op, a]) => op === "u" && a === 3));
  });

  it("completes a snapshot during which every key changes", async () => {
    await sql(
      "CREATE TABLE demo (id int PRIMARY KEY, big text); ALTER TABLE demo ALTER big SET STORAGE EXTERNAL",
    );
    await sql(`INSERT INTO demo SELECT n, repeat(md5(n::text), 80) FROM generate_series(1, 6000) n`);
    const source = await during("UPDATE demo SET id = id + 10000000");
    const rows = new Map<number, string>();
    for (const { value } of await source.records("public.demo")) {
      if (value?.op === "d") rows.delete(value.before.id);
      else if (value && !(value.after.big === "__debezium_unavailable_value" && rows.has(value.after.id)))
        rows.set(value.after.id, value.after.big);
    }
    assert.equal(rows.size, 6000);
    assert.ok([...rows].every(([id, big]) => id > 10_000_000 && big.length === 2560));
  });
});
