// The snapshots of the source kind `postgres`: their order with the stream, signals, tables that come later, and restarts.

import { strict as assert } from "node:assert";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { usePostgres } from "../../support/postgres/server.ts";
import { startSource } from "../../support/postgres/source.ts";
import { until } from "../../support/until.ts";

describeIf(thorough, "sources: postgres, snapshots", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const postgres = usePostgres();
  const sql = (text: string) => postgres().sql(text);
  beforeEach(() => postgres().emptySchema());
  const signal = (content: string) =>
    postgres().sql("SELECT pg_logical_emit_message(true, 'onramp', $1)", [content]);

  it("reads a table again after a signal, and ignores signals for other tables", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1), (2)");
    await sql("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)");
    const source = await startSource(broker, postgres(), { tables: ["public.demo"] });
    await source.untilRecords("public.demo", 2);
    await signal('{"snapshot":["public.other"]}');
    await signal("not JSON");
    await signal('{"snapshot":["public.demo"]}');
    const records = await source.untilRecords("public.demo", 4);
    assert.deepEqual(
      records.slice(2).map(({ value }) => [value.op, value.source.snapshot, value.after.id]),
      [
        ["r", "incremental", 1],
        ["r", "incremental", 2],
      ],
    );
    assert.deepEqual(await source.records("public.other"), []);
    const ignored = source.log.lines.filter(({ event }) => event === "signal ignored");
    assert.equal(ignored.length, 2);
  });

  it("ignores signals with signals: false", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres(), { signals: false });
    await source.untilRecords("public.demo", 1);
    await signal('{"snapshot":["public.demo"]}');
    await sql("INSERT INTO demo VALUES (2)");
    const records = await source.untilRecords("public.demo", 2);
    assert.deepEqual(
      records.map(({ value }) => value.op),
      ["r", "c"],
    );
  });

  it("reads only the rows that snapshotWhere selects, and all changes", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo SELECT generate_series(1, 10)");
    const source = await startSource(broker, postgres(), { snapshotWhere: { "public.demo": "id > 7" } });
    await source.untilRecords("public.demo", 3);
    await sql("DELETE FROM demo WHERE id = 1");
    const records = await source.untilRecords("public.demo", 5);
    assert.deepEqual(
      records.map(({ key }) => key),
      [8, 9, 10, 1, 1].map((id) => `{"id":${id}}`),
    );
  });

  it("reads no rows with snapshot: never, and reads them later with snapshot: initial", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres(), { snapshot: "never" });
    await source.untilStreaming();
    await sql("INSERT INTO demo VALUES (2)");
    const records = await source.untilRecords("public.demo", 1);
    assert.deepEqual(
      records.map(({ value }) => value.op),
      ["c"],
    );
    await (await source.again({ snapshot: "initial" })).untilRecords("public.demo", 3);
  });

  it("with snapshot: only, drops its slot after the last table, and creates none after a restart", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres(), { snapshot: "only" });
    await source.untilRecords("public.demo", 1);
    const slots = () =>
      postgres().sql("SELECT FROM pg_replication_slots WHERE slot_name = $1", [`${source.namespace}_pg`]);
    await until(async () => (await slots()).length === 0);
    await sql("INSERT INTO demo VALUES (2)");
    const again = await source.again();
    await until(async () => JSON.stringify((await again.state()).details).includes("complete"));
    assert.equal((await again.state()).state, "running");
    assert.equal((await source.records("public.demo")).length, 1);
    assert.equal((await slots()).length, 0);
  });

  it("reads a table that is added to the configuration later, while it streams the others", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    await sql("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)");
    const source = await startSource(broker, postgres(), { tables: ["public.demo"] });
    await source.untilRecords("public.demo", 1);
    const again = await source.again({ tables: ["public.demo", "public.other"] });
    await again.untilRecords("public.other", 1);
    assert.equal((await source.records("public.demo")).length, 1);
  });

  it("reads a table that is added later after the transactions that had changed it before", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)");
    await sql("INSERT INTO demo VALUES (1); INSERT INTO other VALUES (1)");
    const source = await startSource(broker, postgres(), { tables: ["public.demo"] });
    await source.untilRecords("public.demo", 1);
    // The stream will not have this change: its table is not published yet.
    const open = await postgres().connect();
    await open.query("BEGIN; INSERT INTO other VALUES (2)");
    const again = await source.again({ tables: ["public.demo", "public.other"] });
    await until(async () =>
      /waits until these transactions/.test(JSON.stringify((await again.state()).details)),
    );
    await open.query("COMMIT");
    const records = await again.untilRecords("public.other", 2);
    assert.deepEqual(
      records.map(({ value }) => [value.op, value.after.id]),
      [
        ["r", 1],
        ["r", 2],
      ],
    );
  });

  it("writes partitions to topics of their own with partitions: leaf, also those that are created later", async () => {
    await sql("CREATE TABLE part (id int, y int, PRIMARY KEY (id, y)) PARTITION BY RANGE (y)");
    await sql(
      "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10); INSERT INTO part VALUES (1, 1)",
    );
    const source = await startSource(broker, postgres(), { tables: ["public.part"], partitions: "leaf" });
    await source.untilRecords("public.part_1", 1);
    await sql("CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20)");
    await sql("INSERT INTO part VALUES (2, 11)");
    const records = await source.untilRecords("public.part_2", 1);
    assert.deepEqual(records[0]?.value.after, { id: 2, y: 11 });
  });

  it("is blocked by two tables that would have the same topic", async () => {
    await sql(`CREATE TABLE "a b" (id int PRIMARY KEY); CREATE TABLE a_b (id int PRIMARY KEY)`);
    const source = await startSource(broker, postgres());
    assert.match(await source.errorIn("blocked"), /a b and public.a_b would both be written/);
  });

  it("reads the rows and columns that the publication has", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY, a text, secret text)");
    await sql("INSERT INTO demo VALUES (1, 'a', 's'), (2, 'b', 's')");
    await sql("CREATE PUBLICATION own FOR TABLE demo (id, a) WHERE (id > 1)");
    const source = await startSource(broker, postgres(), { publication: "own" });
    await source.untilRecords("public.demo", 1);
    await sql("INSERT INTO demo VALUES (0, 'no', 's'), (3, 'yes', 's')");
    const records = await source.untilRecords("public.demo", 2);
    assert.deepEqual(
      records.map(({ value }) => value.after),
      [
        { id: 2, a: "b" },
        { id: 3, a: "yes" },
      ],
    );
  });

  it("excludes columns, but not those of keys", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY, a text, secret text)");
    await sql("INSERT INTO demo VALUES (1, 'a', 's')");
    const source = await startSource(broker, postgres(), { columns: ["!public.*.secret", "!public.*.id"] });
    const records = await source.untilRecords("public.demo", 1);
    assert.equal(records[0]?.key, '{"id":1}');
    assert.deepEqual(records[0]?.value.after, { a: "a" });
  });

  it("reads a partitioned table once, and writes its changes to one topic", async () => {
    await sql("CREATE TABLE part (id int, y int, PRIMARY KEY (id, y)) PARTITION BY RANGE (y)");
    await sql("CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)");
    await sql("CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (10) TO (20)");
    await sql("INSERT INTO part VALUES (1, 1), (2, 11)");
    const source = await startSource(broker, postgres());
    await source.untilRecords("public.part", 2);
    await sql("INSERT INTO part VALUES (3, 12)");
    await sql("UPDATE part SET y = 13 WHERE id = 1");
    const records = await source.untilRecords("public.part", 6);
    assert.deepEqual(
      records.map(({ value }) => value?.op),
      ["r", "r", "c", "d", undefined, "c"],
    );
  });

  it("writes rows larger than a chunk, and continues where it stopped after a restart", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY, big text)");
    await sql("INSERT INTO demo SELECT n, repeat('x', 300000) FROM generate_series(1, 100) n");
    const source = await startSource(broker, postgres());
    await until(async () => (await source.state()).records > 5);
    const again = await source.again();
    const records = await again.untilRecords("public.demo", 100);
    assert.deepEqual(
      records.map(({ value }) => value.after.id),
      Array.from({ length: 100 }, (_, n) => n + 1),
    );
  });
});
