// The source kind `postgres` when changes are missing: it is blocked, says what is known, and skips nothing.

import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { type Postgres, startPostgres } from "../../support/postgres/server.ts";
import { startSource } from "../../support/postgres/source.ts";

describeIf(thorough, "sources: postgres, missing changes", function () {
  this.timeout(60_000);
  const broker = useBroker();

  /** A source that has written one row, and is stopped. */
  async function stopped(options: object = {}, settings: Record<string, string> = {}) {
    const postgres = await startPostgres({ settings });
    await postgres.sql("CREATE TABLE demo (id int PRIMARY KEY)");
    await postgres.sql("INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres, options);
    await source.untilRecords("public.demo", 1);
    await postgres.sql("INSERT INTO demo VALUES (2)");
    await source.untilRecords("public.demo", 2);
    const slot = `${source.namespace}_pg`;
    await source.gateway.stop();
    return { postgres, source, slot };
  }

  it("is blocked after its slot was dropped and created again, and writes nothing", async () => {
    const { postgres, source, slot } = await stopped();
    await postgres.sql("INSERT INTO demo VALUES (3)");
    await postgres.sql("SELECT pg_drop_replication_slot($1)", [slot]);
    await postgres.sql("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
    await postgres.sql("INSERT INTO demo VALUES (4)");
    const again = await source.again();
    const reason = await again.errorIn("blocked");
    assert.match(reason, /moved or recreated: it begins at \w+\/\w+, and changes between/);
    assert.match(reason, /onramp sources set pg --from-start/);
    assert.equal((await source.records("public.demo")).length, 2);
    // The operator continues without the changes that are missing.
    assert.equal((await again.command("sources", "set", "pg", "--from-start")).code, 0);
    await (await again.again()).untilRecords("public.demo", 6);
    const rows = await source.records("public.demo");
    const ids = rows.slice(2).map(({ value }) => value.after.id);
    assert.deepEqual(ids.sort(), [1, 2, 3, 4]);
  });

  it("is blocked after its slot was dropped", async () => {
    const { postgres, source, slot } = await stopped();
    await postgres.sql("SELECT pg_drop_replication_slot($1)", [slot]);
    assert.match(
      await (await source.again()).errorIn("blocked"),
      /does not exist any more: changes after \w+\/\w+/,
    );
  });

  it("is blocked after its slot was moved", async () => {
    const { postgres, source, slot } = await stopped();
    await postgres.sql("INSERT INTO demo VALUES (3)");
    await postgres.sql("SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", [slot]);
    assert.match(await (await source.again()).errorIn("blocked"), /moved or recreated/);
  });

  it("is blocked after the server has removed what its slot needs", async () => {
    const { postgres, source } = await stopped({}, { max_slot_wal_keep_size: "1MB", min_wal_size: "32MB" });
    await postgres.sql("CREATE TABLE junk (t text)");
    for (let n = 0; n < 4; n++) {
      await postgres.sql("INSERT INTO junk SELECT repeat(md5(n::text), 100) FROM generate_series(1, 6000) n");
      await postgres.sql("SELECT pg_switch_wal()");
    }
    await postgres.sql("CHECKPOINT");
    assert.match(
      await (await source.again()).errorIn("blocked"),
      /removed what the replication slot .* needs/,
    );
  });

  it("is blocked after the cluster was restored to an earlier point", async () => {
    const { postgres, source } = await stopped();
    await postgres.stop();
    const copy = await postgres.backup();
    await postgres.start();
    const running = await source.again();
    for (let n = 10; n < 200; n++) await postgres.sql(`INSERT INTO demo VALUES (${n})`);
    await running.untilRecords("public.demo", 192);
    await running.gateway.stop();
    await postgres.stop();
    await postgres.restore(copy);
    await postgres.start();
    const reason = await (await source.again()).errorIn("blocked");
    assert.match(reason, /restored to an earlier point: its write-ahead log ends at/);
  });

  /** Starts a server again as a standby, which goes on alone on another timeline once it is promoted. */
  async function startAsStandby(postgres: Postgres): Promise<void> {
    writeFileSync(path.join(postgres.dataFolder, "standby.signal"), "");
    await postgres.start();
  }

  it("is blocked on a standby, and continues when that is promoted", async () => {
    const { postgres, source } = await stopped();
    await postgres.stop();
    await startAsStandby(postgres);
    const again = await source.again();
    assert.match(await again.errorIn("blocked"), /is a standby. Set url to the primary server/);
    await postgres.sql("SELECT pg_promote()");
    await postgres.sql("INSERT INTO demo VALUES (3)");
    await again.gateway.stop();
    const promoted = await again.again();
    const records = await promoted.untilRecords("public.demo", 3);
    assert.deepEqual(records[2]?.value.after, { id: 3 });
    const { cursor } = await promoted.state();
    assert.equal((cursor as { timeline: number }).timeline, 2);
  });

  it("is blocked after a failover to a server that did not have all changes", async () => {
    const { postgres, source } = await stopped();
    await postgres.stop();
    const copy = await postgres.backup();
    await postgres.start();
    const running = await source.again();
    await postgres.sql("INSERT INTO demo VALUES (3)");
    await running.untilRecords("public.demo", 3);
    await running.gateway.stop();
    await postgres.stop();
    await postgres.restore(copy);
    await startAsStandby(postgres);
    await postgres.sql("SELECT pg_promote()");
    for (let n = 10; n < 60; n++) await postgres.sql(`INSERT INTO demo VALUES (${n})`);
    assert.match(
      await (await source.again()).errorIn("blocked"),
      /was promoted at an earlier position: timeline 2 began at/,
    );
  });

  it("is blocked when the server is another one", async () => {
    const { source } = await stopped();
    const other = await startPostgres();
    await other.sql("CREATE TABLE demo (id int PRIMARY KEY)");
    const again = await source.again({ url: other.url() });
    assert.match(await again.errorIn("blocked"), /another one \(system identifier/);
  });

  it("is blocked after its publication was dropped", async () => {
    const { postgres, source, slot } = await stopped();
    await postgres.sql(`DROP PUBLICATION ${slot}`);
    await postgres.sql("INSERT INTO demo VALUES (3)");
    assert.match(await (await source.again()).errorIn("blocked"), /publication .* was dropped/);
  });

  it("is blocked after its publication was dropped and created again", async () => {
    const { postgres, source, slot } = await stopped();
    await postgres.sql(`DROP PUBLICATION ${slot}`);
    await postgres.sql("INSERT INTO demo VALUES (3)");
    await postgres.sql(`CREATE PUBLICATION ${slot} FOR TABLE demo`);
    assert.match(await (await source.again()).errorIn("blocked"), /publication .* was dropped/);
  });

  it("is blocked by a publication of another installation", async () => {
    const { postgres, source, slot } = await stopped();
    await postgres.sql(`COMMENT ON PUBLICATION ${slot} IS 'Created by Onramp for the source pg (other).'`);
    assert.match(await (await source.again()).errorIn("blocked"), /belongs to another installation/);
  });

  it("continues with --from-start after its publication was dropped", async () => {
    const { postgres, source, slot } = await stopped();
    await postgres.sql(`DROP PUBLICATION ${slot}`);
    await postgres.sql("INSERT INTO demo VALUES (3)");
    const again = await source.again();
    await again.errorIn("blocked");
    assert.equal((await again.command("sources", "set", "pg", "--from-start")).code, 0);
    await (await again.again()).untilRecords("public.demo", 5);
  });

  it("reports changes of a table that had left its publication, and reads the table again", async () => {
    const { postgres, source, slot } = await stopped();
    await postgres.sql(`ALTER PUBLICATION ${slot} DROP TABLE demo`);
    await postgres.sql("INSERT INTO demo VALUES (3)");
    const again = await source.again();
    await again.untilRecords("public.demo", 5);
    const { losses, lastLoss } = await again.state();
    assert.equal(losses, 1);
    assert.match(
      lastLoss?.message ?? "",
      /public.demo had left the publication: changes of them are missing/,
    );
  });

  it("reads the tables again with onSlotLost: snapshot, and reports the loss once", async () => {
    const { postgres, source, slot } = await stopped({ onSlotLost: "snapshot" });
    await postgres.sql("SELECT pg_drop_replication_slot($1)", [slot]);
    await postgres.sql("INSERT INTO demo VALUES (3)");
    const again = await source.again();
    await again.untilRecords("public.demo", 5);
    const { losses, lastLoss } = await again.state();
    assert.equal(losses, 1);
    assert.match(lastLoss?.message ?? "", /does not exist any more/);
    const third = await again.again();
    await postgres.sql("INSERT INTO demo VALUES (4)");
    await third.untilRecords("public.demo", 6);
    assert.equal((await third.state()).losses, 0);
  });
});
