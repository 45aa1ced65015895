// How the source `postgres` connects: URLs and TLS modes as libpq has them.

import { strict as assert } from "node:assert";
import { parseServer } from "../../../src/sources/postgres/server/server.ts";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { usePostgres } from "../../support/postgres/server.ts";
import { startSource } from "../../support/postgres/source.ts";
import { startRawServer } from "../../support/raw-server.ts";
import { tlsFiles } from "../../support/tls/files.ts";

describe("sources: postgres, connection", function () {
  this.timeout(60_000);

  it("reads URLs as libpq does", () => {
    const { tls: _, ...server } = parseServer("postgres://a%40b:p%3Aw%2F%25@db.example.com:6543/my%20db", {});
    assert.deepEqual(server, {
      host: "db.example.com",
      port: 6543,
      database: "my db",
      user: "a@b",
      password: "p:w/%",
    });
    const { host, port, database, password } = parseServer("postgresql://u@[::1]", {});
    assert.deepEqual([host, port, database, password], ["::1", 5432, "u", undefined]);
    assert.equal(parseServer("postgres://u@/db?host=/run/postgresql", {}).host, "/run/postgresql");
  });

  it("refuses URLs that it would misunderstand, without their passwords", () => {
    for (const [url, reason] of [
      ["mysql://u:secret@h/d", /begin with postgres/],
      ["postgres://u:secret@h1,h2/d", /several hosts|not a valid URL/],
      ["postgres://u:secret@h/d?sslmode=maybe", /sslmode must be one of disable, allow/],
      ["postgres://u:secret@h/d?options=-c%20x", /a parameter that is not supported/],
      ["postgres://:secret@h/d", /user is missing/],
      ["postgres://u:se%zzcret@h/d", /% is not followed/],
    ] as const) {
      let message = "";
      try {
        parseServer(url, {});
      } catch (error) {
        message = (error as Error).message;
      }
      assert.match(message, reason);
      assert.doesNotMatch(message, /secret/);
    }
  });

  it("tries TLS and plain connections in the order of sslmode", () => {
    const ways = (mode: string, files = {}) =>
      parseServer(`postgres://u@h/d?sslmode=${mode}`, files).tls.map((way) =>
        way === false ? "plain" : way.rejectUnauthorized ? (way.checkServerIdentity ? "ca" : "full") : "tls",
      );
    assert.deepEqual(ways("disable"), ["plain"]);
    assert.deepEqual(ways("allow"), ["plain", "tls"]);
    assert.deepEqual(ways("prefer"), ["tls", "plain"]);
    assert.deepEqual(ways("require"), ["tls"]);
    assert.deepEqual(ways("require", { ca: Buffer.from("") }), ["ca"]);
    assert.deepEqual(ways("verify-ca"), ["ca"]);
    assert.deepEqual(ways("verify-full"), ["full"]);
  });

  describe("through a pooler", () => {
    const broker = useBroker();

    it("says that it must connect to PostgreSQL itself", async () => {
      const fields = "SFATAL\0C08P01\0Munsupported startup parameter: replication\0\0";
      const head = Buffer.from("E\0\0\0\0", "latin1");
      head.writeUInt32BE(4 + fields.length, 1);
      const url = await startRawServer(head.toString("latin1") + fields);
      const pooler = url.replace("http://", "postgres://u:p@");
      const source = await startSource(broker, { url: () => "" } as never, {
        url: `${pooler}/d?sslmode=disable`,
      });
      const error = await source.errorIn("blocked");
      assert.match(
        error,
        /unsupported startup parameter.*a connection pooler such as PgBouncer does not support replication/,
      );
    });
  });

  describeIf(thorough, "with TLS", () => {
    const broker = useBroker();
    const postgres = usePostgres({ tls: { cert: tlsFiles().cert, key: tlsFiles().key } });
    before(() => postgres().sql("CREATE TABLE demo (id int PRIMARY KEY); INSERT INTO demo VALUES (1)"));
    const start = (query: string, tls: object = {}, host = "localhost") =>
      startSource(broker, postgres(), {
        url: `${postgres().url().replace("127.0.0.1", host)}?${query}`,
        tls,
      });
    const ca = { ca: tlsFiles().ca };

    for (const [query, tls] of [
      ["sslmode=require", {}],
      ["sslmode=verify-ca", ca],
      ["sslmode=verify-full", ca],
      ["sslmode=prefer", {}],
    ] as const)
      it(`streams over TLS with ${query}`, async () => {
        const source = await start(query, tls);
        await source.untilRecords("public.demo", 1);
        const rows = await postgres().sql(
          "SELECT bool_and(ssl) AS ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'onramp:pg'",
        );
        assert.deepEqual(rows, [{ ssl: true }]);
      });

    it("is blocked when the certificate is not trusted", async () => {
      const source = await start("sslmode=verify-full");
      const error = await source.errorIn("blocked");
      assert.match(error, /cannot be reached with TLS.*Check sslmode/);
    });
  });
});
