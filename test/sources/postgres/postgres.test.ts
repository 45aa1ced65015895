// The source kind `postgres` on a real server: what is written, in which order, and with what.

import { strict as assert } from "node:assert";
import { useBroker } from "../../support/broker.ts";
import { usePostgres } from "../../support/postgres/server.ts";
import { readRecords, startSource } from "../../support/postgres/source.ts";
import { until } from "../../support/until.ts";

describe("sources: postgres", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const postgres = usePostgres();
  const sql = (text: string) => postgres().sql(text);
  beforeEach(() => postgres().emptySchema());

  it("writes the rows that exist as r, then inserts, updates and deletes, each with a key", async () => {
    await sql("CREATE TABLE demo (uniqid int PRIMARY KEY, message text, email text)");
    await sql("INSERT INTO demo SELECT n, 'm' || n, 'e' || n FROM generate_series(1, 16) n");
    const source = await startSource(broker, postgres());
    await source.untilRecords("public.demo", 16);
    await sql("INSERT INTO demo VALUES (17, 'new', 'x@example.com')");
    await sql("UPDATE demo SET message = 'changed' WHERE uniqid = 1");
    await sql("DELETE FROM demo WHERE uniqid = 2");
    const records = await source.untilRecords("public.demo", 20);
    assert.deepEqual(
      records.map(({ value }) => value?.op),
      [...new Array(16).fill("r"), "c", "u", "d", undefined],
    );
    assert.deepEqual(records[16]?.value.after, { uniqid: 17, message: "new", email: "x@example.com" });
    assert.equal(records[17]?.value.before, null);
    assert.deepEqual(records[18]?.value.before, { uniqid: 2 });
    assert.equal(records[19]?.key, '{"uniqid":2}');
    assert.deepEqual(
      [records[0], records[1], records[15]].map((record) => record?.value.source.snapshot),
      ["first", "true", "last"],
    );
  });

  it("writes heartbeats, logical messages and truncates, if they are configured", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres(), { heartbeat: "100ms", truncates: true });
    await source.untilRecords("public.demo", 1);
    await sql("SELECT pg_logical_emit_message(true, 'note', 'hello')");
    await sql("SELECT pg_logical_emit_message(false, 'note', 'outside of a transaction')");
    await sql("TRUNCATE demo");
    const [, truncate] = await source.untilRecords("public.demo", 2);
    assert.deepEqual([truncate?.key, truncate?.value.op], [null, "t"]);
    const messages = await source.untilRecords("message", 2);
    assert.deepEqual(
      messages.map(({ key, value }) => [key, Buffer.from(value.message.content, "base64").toString()]),
      [
        ['{"prefix":"note"}', "hello"],
        ['{"prefix":"note"}', "outside of a transaction"],
      ],
    );
    const topic = `__debezium-heartbeat.${source.prefix}`;
    await until(async () => (await readRecords(broker.addresses(), topic)).length > 1);
    const [heartbeat] = await readRecords(broker.addresses(), topic);
    assert.equal(heartbeat?.key, `{"serverName":"${source.prefix}"}`);
  });

  it("writes no tombstones, messages or truncates, if they are switched off", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)");
    const source = await startSource(broker, postgres(), { tombstones: false, messages: false });
    await source.untilRecords("public.demo", 1);
    await sql("SELECT pg_logical_emit_message(true, 'note', 'hello')");
    await sql("DELETE FROM demo; TRUNCATE demo; INSERT INTO demo VALUES (2)");
    const records = await source.untilRecords("public.demo", 3);
    assert.deepEqual(
      records.map(({ value }) => value?.op),
      ["r", "d", "c"],
    );
    assert.deepEqual(await source.records("message"), []);
  });

  it("writes a change of the key as a delete and an insert, which name each other's keys", async () => {
    await sql("CREATE TABLE demo (id text PRIMARY KEY, n int); INSERT INTO demo VALUES ('a😀', 1)");
    const source = await startSource(broker, postgres());
    await source.untilRecords("public.demo", 1);
    await sql("UPDATE demo SET id = 'b😀'");
    const records = (await source.untilRecords("public.demo", 4)).slice(1);
    assert.deepEqual(
      records.map(({ key, value, headers }) => [
        key,
        value?.op,
        headers["__debezium.newkey"] ?? headers["__debezium.oldkey"],
      ]),
      [
        ['{"id":"a\\uD83D\\uDE00"}', "d", '{"id":"b😀"}'],
        ['{"id":"a\\uD83D\\uDE00"}', undefined, '{"id":"b😀"}'],
        ['{"id":"b\\uD83D\\uDE00"}', "c", '{"id":"a😀"}'],
      ],
    );
  });

  it("writes a transaction of many rows once, in the order of its statements", async () => {
    await sql("CREATE TABLE demo (id int PRIMARY KEY)");
    const source = await startSource(broker, postgres(), { snapshot: "never" });
    await source.untilStreaming();
    await sql("INSERT INTO demo SELECT generate_series(1, 20000)");
    const records = await source.untilRecords("public.demo", 20_000);
    assert.ok(records.every(({ value }, n) => value.after.id === n + 1));
    assert.equal(new Set(records.map(({ value }) => value.source.txId)).size, 1);
  });
});
