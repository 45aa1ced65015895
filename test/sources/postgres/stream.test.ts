// The replication stream: messages in pieces, values of any size, servers and readers that stall.

import { strict as assert } from "node:assert";
import { FrameBuffer } from "../../../src/sources/postgres/stream/frame-buffer.ts";
import { Produce } from "../../../src/wire/messages/produce.ts";
import { itThoroughly, useBroker } from "../../support/broker.ts";
import { startKafkaProxy } from "../../support/kafka-proxy.ts";
import { startPostgres } from "../../support/postgres/server.ts";
import { startSource } from "../../support/postgres/source.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

describe("sources: postgres, the stream", function () {
  this.timeout(60_000);
  const broker = useBroker();

  function frame(content: string): Buffer {
    const made = Buffer.alloc(5 + content.length);
    made.write("d", 0, "latin1");
    made.writeUInt32BE(4 + content.length, 1);
    made.write(content, 5, "latin1");
    return made;
  }

  it("is split into messages, wherever its pieces are cut", () => {
    const contents = ["", "a", "bcd", "x".repeat(300)];
    const bytes = Buffer.concat(contents.map(frame));
    for (let size = 1; size <= bytes.length; size++) {
      const buffer = new FrameBuffer();
      const read: string[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        buffer.push(bytes.subarray(at, at + size));
        for (let next = buffer.next(); next; next = buffer.next()) read.push(next.toString("latin1", 5));
      }
      assert.deepEqual(read, contents, `${size} bytes per piece`);
      assert.equal(buffer.bytes, 0);
    }
  });

  it("joins the pieces of a message once, however many there are", () => {
    const buffer = new FrameBuffer();
    const large = frame("x".repeat(50_000_000));
    const began = performance.now();
    for (let at = 0; at < large.length; at += 65_536) {
      buffer.push(large.subarray(at, at + 65_536));
      if (at + 65_536 < large.length) assert.equal(buffer.next(), undefined);
    }
    assert.equal(buffer.next()?.length, large.length);
    // To join all pieces at each of them takes 18 seconds.
    assert.ok(performance.now() - began < 5000);
  });

  itThoroughly(
    "delivers a value of 20 MB as a dead letter if the topic does not allow it, and the changes after it",
    async () => {
      const postgres = await startPostgres();
      await postgres.sql("CREATE TABLE demo (id int PRIMARY KEY, big text)");
      const source = await startSource(broker, postgres, { tooLarge: "dead-letter" });
      await source.untilStreaming();
      await postgres.sql("INSERT INTO demo VALUES (1, repeat('x', 20000000))");
      await postgres.sql("INSERT INTO demo VALUES (2, 'small')");
      const records = await source.untilRecords("public.demo", 1);
      assert.deepEqual(records[0]?.value.after, { id: 2, big: "small" });
      assert.equal((await source.state()).deadLetters, 1);
    },
  );

  itThoroughly(
    "is blocked by a record that is too large, names its topic and key, and continues when the topic allows it",
    async () => {
      const postgres = await startPostgres();
      await postgres.sql("CREATE TABLE demo (id int PRIMARY KEY, big text)");
      const source = await startSource(broker, postgres);
      await source.untilStreaming();
      await postgres.sql("INSERT INTO demo VALUES (7, repeat('x', 2000000))");
      const error = await source.errorIn("blocked");
      assert.match(error, /too large \(key {"id":7}\).*\d+ bytes, but topic ".*public.demo"/);
    },
  );

  itThoroughly(
    "survives a reader that is stalled for longer than wal_sender_timeout, and writes every change once",
    async () => {
      const postgres = await startPostgres({ settings: { wal_sender_timeout: "2s" } });
      await postgres.sql("CREATE TABLE demo (id int PRIMARY KEY, note text)");
      const proxy = await startKafkaProxy(broker.addresses()[0] ?? "");
      const source = await startSource(broker, postgres, { snapshot: "never" }, { brokers: [proxy.address] });
      await source.untilStreaming();
      let stalled = 3;
      proxy.fault = (key) => (key === Produce.key && stalled-- > 0 ? "lose" : undefined);
      await postgres.sql("INSERT INTO demo SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n");
      const records = await source.untilRecords("public.demo", 20_000);
      assert.equal(new Set(records.map(({ key }) => key)).size, 20_000);
      assert.equal(records.length, 20_000);
    },
  );

  itThoroughly("is resumed after PostgreSQL was killed, without loss or repetition", async () => {
    const postgres = await startPostgres();
    await postgres.sql("CREATE TABLE demo (id int PRIMARY KEY)");
    const source = await startSource(broker, postgres, { snapshot: "never" });
    await source.untilStreaming();
    for (let n = 0; n < 3; n++) {
      await postgres.sql(`INSERT INTO demo SELECT generate_series(${n * 100 + 1}, ${n * 100 + 100})`);
      await postgres.kill();
      await postgres.start();
    }
    const records = await source.untilRecords("public.demo", 300);
    assert.deepEqual(
      records.map(({ value }) => value.after.id),
      Array.from({ length: 300 }, (_, n) => n + 1),
    );
  });

  itThoroughly(
    "notices a replication connection that delivers nothing, and connects again",
    async function () {
      this.timeout(120_000);
      const postgres = await startPostgres();
      await postgres.sql("CREATE TABLE demo (id int PRIMARY KEY)");
      const proxy = await startTcpProxy(postgres.port);
      const url = postgres.url().replace(`:${postgres.port}/`, `:${proxy.port}/`);
      const source = await startSource(broker, postgres, { url, snapshot: "never" });
      await source.untilStreaming();
      // The first connection is for queries.
      proxy.discardAnswers(1);
      await postgres.sql("INSERT INTO demo VALUES (1)");
      await until(async () => (await source.records("public.demo")).length === 1, 90_000);
      const warned = source.log.lines.find(({ event }) => event === "source failed; Onramp starts it again");
      assert.match(
        String(warned?.fields["reason"]),
        /nothing has arrived on the replication connection for \d+ s/,
      );
    },
  );
});
