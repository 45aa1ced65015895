// The effects of the source kind `postgres` on the database, and the rights that it needs.

import { strict as assert } from "node:assert";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { usePostgres } from "../../support/postgres/server.ts";
import { type PostgresSource, startSource } from "../../support/postgres/source.ts";
import { until } from "../../support/until.ts";

describeIf(thorough, "sources: postgres, effects on the database and rights", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const postgres = usePostgres();
  const sql = (text: string) => postgres().sql(text);
  let n = 0;
  let role: string;
  beforeEach(async () => {
    role = `guest${++n}`;
    await postgres().emptySchema();
    await sql(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'secret'`);
  });
  const asRole = () => ({ url: postgres().url({ user: role, password: "secret" }) });

  const warnings = async (source: PostgresSource): Promise<string> =>
    JSON.stringify((await source.state()).details ?? {});

  it("publishes the inserts of a table without a key, whose updates and deletes still work", async () => {
    await sql("CREATE TABLE nokey (a int); INSERT INTO nokey VALUES (1)");
    await sql("CREATE TABLE demo (id int PRIMARY KEY)");
    const source = await startSource(broker, postgres());
    await source.untilRecords("public.nokey", 1);
    await sql("INSERT INTO nokey VALUES (2)");
    await sql("UPDATE nokey SET a = 3 WHERE a = 1");
    await sql("DELETE FROM nokey WHERE a = 3");
    await sql("INSERT INTO nokey VALUES (4)");
    const records = await source.untilRecords("public.nokey", 3);
    assert.deepEqual(
      records.map(({ key, value }) => [key, value.op, value.after.a]),
      [
        [null, "r", 1],
        [null, "c", 2],
        [null, "c", 4],
      ],
    );
    assert.match(await warnings(source), /ALTER TABLE .*nokey.* REPLICA IDENTITY FULL/);
  });

  it("moves a table to the publication of inserts after its primary key was dropped", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres());
    await source.untilRecords("public.demo", 1);
    await sql("ALTER TABLE demo DROP CONSTRAINT demo_pkey");
    await assert.rejects(sql("UPDATE demo SET id = 2"), /does not have a replica identity/);
    const again = await source.again();
    await again.untilStreaming();
    await sql("UPDATE demo SET id = 2");
    await sql("INSERT INTO demo VALUES (3)");
    await again.untilRecords("public.demo", 2);
  });

  it("adds a table that was dropped and created again to its publication, and reads its rows", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres());
    await source.untilRecords("public.demo", 1);
    await sql("DROP TABLE demo; CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (7)");
    const again = await source.again();
    const records = await again.untilRecords("public.demo", 2);
    assert.deepEqual(records[1]?.value.after, { id: 7 });
  });

  it("removes a table that the configuration no longer has from its publication", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)");
    const source = await startSource(broker, postgres());
    await source.untilStreaming();
    const again = await source.again({ tables: ["public.demo"] });
    await again.untilStreaming();
    const tables = await postgres().sql("SELECT tablename FROM pg_publication_tables WHERE pubname = $1", [
      `${source.namespace}_pg`,
    ]);
    assert.deepEqual(tables, [{ tablename: "demo" }]);
  });

  it("needs LOGIN, REPLICATION, SELECT, and a publication that the owner of the tables has created", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres(), asRole());
    const reason = await source.errorIn("blocked", "backing-off");
    assert.match(reason, /may not create the publication/);
    const statements = reason.split("\n").slice(1).join("\n");
    assert.match(statements, /^CREATE PUBLICATION ".*_pg" FOR TABLE ONLY "public"."demo" WITH/);
    await sql(statements);
    await sql(`GRANT SELECT ON demo TO ${role}`);
    const again = await source.again();
    await again.untilRecords("public.demo", 1);
    await sql("INSERT INTO demo VALUES (2)");
    await again.untilRecords("public.demo", 2);
  });

  it("names the table that it may not read", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    await sql(`GRANT CREATE ON DATABASE postgres TO ${role}`);
    const source = await startSource(broker, postgres(), asRole());
    const statements = (await source.errorIn("blocked", "backing-off")).split("\n").slice(1).join("\n");
    await sql(statements);
    const again = await source.again();
    assert.match(await again.errorIn("blocked", "backing-off"), /permission denied for table demo/);
  });

  it("is blocked by a row-level policy that would hide rows from its snapshot", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    await sql(`GRANT SELECT ON demo TO ${role}`);
    await sql("ALTER TABLE demo ENABLE ROW LEVEL SECURITY");
    const source = await startSource(broker, postgres(), asRole());
    await sql((await source.errorIn("blocked", "backing-off")).split("\n").slice(1).join("\n"));
    const reason = await (await source.again()).errorIn("blocked", "backing-off");
    assert.match(reason, /row-level security.*ALTER ROLE ".*" BYPASSRLS/s);
  });

  it("names the transaction that the creation of its slot waits for, and leaves no slot behind", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY)");
    const open = await postgres().connect();
    await open.query("SET application_name = 'nightly job'; BEGIN; INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres());
    assert.match(
      await source.errorIn("blocked", "backing-off"),
      /waits for the transaction of process \d+ \(application_name nightly job, role postgres, \d+ s old\)/,
    );
    const slots = await postgres().sql("SELECT FROM pg_replication_slots WHERE slot_name LIKE $1", [
      `${source.namespace}%`,
    ]);
    assert.equal(slots.length, 0);
    await open.query("COMMIT");
    await source.untilRecords("public.demo", 1);
  });

  it("says which role may not replicate, which password is wrong, and which database does not exist", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY)");
    await sql(`ALTER ROLE ${role} NOREPLICATION`);
    const source = await startSource(broker, postgres(), asRole());
    assert.match(
      await source.errorIn("blocked", "backing-off"),
      new RegExp(`Run: ALTER ROLE ${role} REPLICATION;`),
    );
    const wrong = await source.again({ url: postgres().url({ user: role, password: "wr0ng" }) });
    const reason = await wrong.errorIn("blocked", "backing-off");
    assert.match(reason, /password authentication failed.*Check the password/);
    assert.doesNotMatch(reason, /wr0ng/);
    const none = await source.again({ url: postgres().url({ database: "nothing" }) });
    assert.match(
      await none.errorIn("blocked", "backing-off"),
      /Check the database in url: "nothing" does not exist/,
    );
  });

  it("keeps no write-ahead log of an idle table, writes nothing to the database, and does not delay its shutdown", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); CREATE TABLE noise (t text)");
    const source = await startSource(broker, postgres(), { tables: ["public.demo"] });
    await source.untilStreaming();
    await sql("INSERT INTO noise SELECT repeat(md5(n::text), 50) FROM generate_series(1, 5000) n");
    await until(async () => ((await source.state()).lag ?? 1e9) < 200_000, 30_000);
    const began = Date.now();
    await postgres().stop("fast");
    assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
    await postgres().start();
    await source.untilStreaming();
    await sql("INSERT INTO demo VALUES (1)");
    await source.untilRecords("public.demo", 1);
  });

  it("drops its slot and its publications with `sources forget`, and reports a slot that no source has", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres());
    await source.untilRecords("public.demo", 1);
    await source.gateway.stop();
    await postgres().sql("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [
      `${source.namespace}_old`,
    ]);
    const again = await source.again();
    await until(async () => /_old\\" begins with/.test(await warnings(again)));
    await again.gateway.stop();
    const { code, stdout, stderr } = await again.command("sources", "forget", "pg");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Removed: the replication slot ".*_pg", the publication ".*_pg", the publication/);
    const left = await postgres().sql("SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE $1", [
      `${source.namespace}%`,
    ]);
    assert.deepEqual(left, [{ slot_name: `${source.namespace}_old` }]);
  });
});
