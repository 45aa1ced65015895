// The PostgreSQL that the tests of the source run on (test/support/postgres).

import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import pg from "pg";
import { describeIf, thorough } from "../../support/broker.ts";
import { startPostgres, usePostgres } from "../../support/postgres/server.ts";
import { tlsFiles } from "../../support/tls/files.ts";

describeIf(thorough, "the PostgreSQL of the tests", () => {
  const postgres = usePostgres();

  it("runs several statements and returns the rows of the last one", async () => {
    await postgres().sql("CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'é')");
    assert.deepEqual(await postgres().sql("SELECT 1; SELECT name FROM t"), [{ name: "é" }]);
    assert.deepEqual(await postgres().sql("SELECT name FROM t WHERE id = $1", [1]), [{ name: "é" }]);
    const [server] = await postgres().sql("SHOW server_version_num");
    assert.equal(Math.trunc(server?.["server_version_num"] / 10_000), postgres().version);
  });

  it("decodes its log for a logical slot", async () => {
    await postgres().sql("CREATE TABLE changed (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE changed");
    await postgres().sql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    await postgres().sql("INSERT INTO changed VALUES (1)");
    const changes = await postgres().sql(
      "SELECT get_byte(data, 0) AS type FROM pg_logical_slot_get_binary_changes('s', NULL, NULL, 'proto_version', '1', 'publication_names', 'p')",
    );
    assert.equal(changes.map(({ type }) => String.fromCharCode(type)).join(""), "BRIC");
  });

  it("accepts a role with its password only", async () => {
    await postgres().sql("CREATE ROLE reader LOGIN REPLICATION PASSWORD 'a/b@c'");
    const reader = new pg.Client(postgres().url({ user: "reader", password: "a/b@c" }));
    await reader.connect();
    const { rows } = await reader.query("SELECT current_user AS name");
    assert.deepEqual(rows, [{ name: "reader" }]);
    await reader.end();
    const refused = new pg.Client(postgres().url({ user: "reader", password: "wrong" }));
    await assert.rejects(refused.connect(), /password authentication failed/);
  });

  it("changes settings for new sessions", async () => {
    await postgres().set({ work_mem: "1MB", synchronous_standby_names: "" });
    assert.deepEqual(await postgres().sql("SHOW work_mem"), [{ work_mem: "1MB" }]);
  });

  it("keeps what was committed when its processes are killed", async () => {
    await postgres().sql("CREATE TABLE kept (id int)");
    const session = await postgres().connect();
    await session.query("INSERT INTO kept VALUES (1)");
    const { rows } = await session.query("SELECT pid FROM pg_stat_activity");
    assert.ok(rows.length > 3);
    const lost = assert.rejects(session.query("SELECT pg_sleep(60)"), /terminated|ECONNRESET/);
    await postgres().kill();
    await lost;
    assert.deepEqual(
      rows.filter(({ pid }) => runs(pid)),
      [],
    );
    await postgres().start();
    assert.deepEqual(await postgres().sql("SELECT id FROM kept"), [{ id: 1 }]);
  });

  it("is restored to an earlier point", async () => {
    await postgres().sql("CREATE TABLE points AS SELECT 1 AS id");
    await postgres().stop();
    const copy = await postgres().backup();
    await postgres().start();
    await assert.rejects(postgres().restore(copy), /stop the server first/);
    await postgres().sql("INSERT INTO points VALUES (2)");
    await postgres().stop("immediate");
    await postgres().restore(copy);
    await postgres().start();
    assert.deepEqual(await postgres().sql("SELECT id FROM points"), [{ id: 1 }]);
  });

  it("is another cluster for each start, with the settings and the certificate of the options", async () => {
    const { ca, cert, key } = tlsFiles();
    const other = await startPostgres({ settings: { application_name: "it's" }, tls: { cert, key } });
    const query = "SELECT system_identifier AS id FROM pg_control_system()";
    assert.notDeepEqual(await other.sql(query), await postgres().sql(query));
    const client = new pg.Client({ connectionString: other.url(), ssl: { ca: readFileSync(ca) } });
    await client.connect();
    const secured = await client.query(
      "SELECT ssl, current_setting('application_name') AS name FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    );
    assert.deepEqual(secured.rows, [{ ssl: true, name: "it's" }]);
    await client.end();
  });

  it("reports the log of a start that fails", async () => {
    await assert.rejects(startPostgres({ settings: { wal_level: "none" } }), /ended with 1:[\s\S]*wal_level/);
  });
});

/** True unless the process has ended; one that nothing has waited for yet (Z) has. */
function runs(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}
