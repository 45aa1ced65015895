// Another replica takes over the source `postgres`, and frees the slot of the previous owner at once.

import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { usePostgres } from "../../support/postgres/server.ts";
import { readRecords } from "../../support/postgres/source.ts";
import { startWith } from "../../support/process.ts";
import { ownerOf, SESSION_MS } from "../../support/source-processes.ts";
import { until } from "../../support/until.ts";

describeIf(thorough, "sources: postgres, takeover", function () {
  this.timeout(120_000);
  const postgres = usePostgres();
  const broker = useBroker();
  const prefix = `takeover-${randomUUID().slice(0, 8)}`;
  const replica = () =>
    startWith({
      kafka: {
        brokers: broker.addresses(),
        createTopics: true,
        namespace: prefix,
        sessionTimeout: `${SESSION_MS}ms`,
      },
      sources: {
        pg: { type: "postgres", url: postgres().url(), tables: ["public.demo"], topicPrefix: prefix },
      },
    });

  it("streams within 30 seconds after the owner was stopped with SIGSTOP", async () => {
    await postgres().sql("CREATE TABLE demo (id int PRIMARY KEY)");
    const replicas = [await replica(), await replica()];
    const count = async () => (await readRecords(broker.addresses(), `${prefix}.public.demo`)).length;
    await postgres().sql("INSERT INTO demo VALUES (1)");
    await until(async () => (await count()) === 1);
    const owner = await ownerOf(replicas);
    const began = Date.now();
    owner.child.kill("SIGSTOP");
    try {
      await postgres().sql("INSERT INTO demo VALUES (2)");
      await until(async () => (await count()) === 2, 60_000);
      assert.ok(Date.now() - began < 30_000, `${Date.now() - began} ms`);
    } finally {
      owner.child.kill("SIGCONT");
    }
    // The replica that was stopped does not write, and frees no slot of the new owner.
    await postgres().sql("INSERT INTO demo VALUES (3)");
    await until(async () => (await count()) === 3);
  });
});
