// The source kind `postgres` on a real server: what is written, in which order, and with what.

import { strict as assert } from "node:assert";
import { useBroker } from "../../support/broker.ts";
import { usePostgres } from "../../support/postgres/server.ts";
import { startSource } from "../../support/postgres/source.ts";

describe("sources: postgres", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const postgres = usePostgres();
  const sql = (text: string) => postgres().sql(text);
  beforeEach(() =>
    sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC"),
  );

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
});
