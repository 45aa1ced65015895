// examples/postgres, unchanged: the rows and the changes of a table, printed by its consumer.

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterTest } from "../../support/after-test.ts";
import { describeIf, startDevBroker, thorough } from "../../support/broker.ts";
import { startPostgres } from "../../support/postgres/server.ts";
import { start } from "../../support/process.ts";
import { until } from "../../support/until.ts";

const FOLDER = "examples/postgres";

describeIf(thorough, FOLDER, function () {
  this.timeout(60_000);

  it("reads 16 rows as r, and prints an insert, an update, and a delete with its tombstone", async () => {
    const [broker, postgres] = [await startDevBroker(), await startPostgres()];
    await postgres.sql("CREATE DATABASE archdemo");
    await postgres.sql(readFileSync(`${FOLDER}/demo.sql`, "utf8"), [], "archdemo");
    await start(["start", "--config", `${FOLDER}/onramp.yaml`], {
      DATABASE_URL: postgres.url({ database: "archdemo" }),
      KAFKA_BROKERS: broker.address,
    });
    const consumer = spawn(process.execPath, [`${FOLDER}/print.mjs`], {
      env: { ...process.env, KAFKA_BROKERS: broker.address },
      stdio: ["ignore", "pipe", "inherit"],
    });
    afterTest(() => void consumer.kill());
    let printed = "";
    consumer.stdout.on("data", (chunk) => (printed += chunk));
    const lines = (): string[] => printed.trim().split("\n");
    await until(() => lines().length === 16, 40_000);
    assert.ok(lines().every((line) => line.startsWith('read null {"uniqid":')));
    const sql = (text: string) => postgres.sql(text, [], "archdemo");
    await sql("INSERT INTO demo VALUES (17, 'A new one', 'odo@example.com')");
    await sql("UPDATE demo SET message = 'Changed' WHERE uniqid = 17");
    await sql("DELETE FROM demo WHERE uniqid = 17");
    await until(() => lines().length === 20);
    // The lines that the README shows.
    const shown = readFileSync(`${FOLDER}/README.md`, "utf8");
    for (const line of lines().slice(16)) assert.ok(shown.includes(line), line);
  });
});
