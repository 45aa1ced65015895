// NDJSON: one record per line, a body of any length, streamed both ways.

import { strict as assert } from "node:assert";
import { compileExpression } from "../../../src/core/expressions.ts";
import { describeOnDevBroker, startDevBroker, useBroker } from "../../support/broker.ts";
import { startTestGateway, useGateway } from "../../support/gateway.ts";
import { inFlight, NDJSON, post, readyStatus, untilReady } from "../../support/http.ts";
import { openLines } from "../../support/lines.ts";
import { readPartition, readValues } from "../../support/read-back.ts";
import { until } from "../../support/until.ts";

const SCHEMA = { type: "object", required: ["n"], properties: { n: { type: "integer" } } };

/** @returns a key expression of which an evaluation takes at least the given time, in milliseconds */
async function slowKey(ms: number): Promise<string> {
  for (let size = 400; ; size = Math.ceil(size * 1.4)) {
    const source = `n & $count([1..${size}].($ + 1))`;
    const expression = compileExpression(source);
    let fastest = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 50; run++) {
      const began = performance.now();
      await expression.evaluate({ n: 1 }, {});
      fastest = Math.min(fastest, performance.now() - began);
    }
    if (fastest >= ms) return source;
  }
}

describe("http: lines (NDJSON)", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const checked = `checked-${Date.now()}`;
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({
      kafka: { createTopics: true },
      topics: { [checked]: { schema: "n.json", key: "n" } },
      http: { maxBody: "1MB", budget: "8MB" },
      files: { "n.json": JSON.stringify(SCHEMA) },
    }),
  );
  const answers = (text: string) =>
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  const values = (topic: string) => readValues(broker.addresses(), topic);

  it("a topic that does not exist fails the whole request, even if no line is valid", async () => {
    for (const body of ["x", "1", "x\n1"]) {
      const { status, body: problem } = await post(gateway(), "/topics/no-such-topic", NDJSON, body);
      assert.deepEqual([status, problem.error_code], [404, 40401], body);
    }
  });

  it("writes every line as a record, byte for byte, and answers receipts in order", async () => {
    const topic = await broker.topic();
    const lines = ['{"a":1.0}', "12345678901234567890", '"\\u00e9"', "null", " [1] "];
    const { status, headers, text } = await post(gateway(), `/topics/${topic}`, NDJSON, lines.join("\n"));
    assert.deepEqual([status, headers.get("content-type")], [200, NDJSON]);
    assert.deepEqual(
      answers(text).map(({ topic: of, partition, offset }) => [of, partition, offset]),
      lines.map((_, offset) => [topic, 0, offset]),
    );
    assert.deepEqual(await values(topic), lines);
  });

  it("answers a line with several values with the way to send lines with curl", async () => {
    const files = ['{"n":1}{"n":2}', '{"n":1}'].join("\n");
    for (const topic of [await broker.topic(), checked]) {
      const { text } = await post(gateway(), `/topics/${topic}`, "application/jsonl", files);
      const [refused, written] = answers(text);
      assert.match(refused.detail, /^The line is not valid JSON: another value .* --data-binary/);
      assert.equal(written.topic, topic);
    }
  });

  it("writes all lines although their key expressions together take longer than http.deadline", async () => {
    const key = `slow ? (${await slowKey(3)}) : 'k'`;
    const topic = `slow-${Date.now()}`;
    const own = await startTestGateway(broker.addresses(), {
      kafka: { createTopics: true },
      topics: { [topic]: { key } },
      http: { deadline: "400ms" },
    });
    const began = performance.now();
    // The group of 1,000 lines that follows the fast ones has 300 slow ones.
    const lines = '{"slow":false,"n":1}\n'.repeat(3000) + '{"slow":true,"n":1}\n'.repeat(300);
    const { status, text } = await post(own, `/topics/${topic}`, NDJSON, lines);
    assert.ok(performance.now() - began > 400);
    assert.equal(status, 200);
    const refused = answers(text).filter(({ topic: of }) => of !== topic);
    assert.deepEqual(refused, []);
    assert.equal((await values(topic)).length, 3300);
  });

  it("accepts CRLF, skips blank lines, and accepts a last line without a line end", async () => {
    const topic = await broker.topic();
    const { text } = await post(gateway(), `/topics/${topic}`, NDJSON, "1\r\n\r\n\n2\n3");
    assert.equal(answers(text).length, 3);
    assert.deepEqual(await values(topic), ["1", "2", "3"]);
  });

  it("reports a bad line by its number, and writes the rest", async () => {
    const topic = await broker.topic();
    const { status, text } = await post(gateway(), `/topics/${topic}`, NDJSON, '1\n{"a"\n\n3\n');
    const [first, second, third] = answers(text);
    assert.deepEqual([status, first.offset, third.offset], [200, 0, 1]);
    assert.deepEqual([second.error_code, second.status, second.line], [40001, 400, 2]);
    assert.deepEqual(await values(topic), ["1", "3"]);
  });

  it("?onError=stop ends with the first bad line, and the lines before it are written", async () => {
    const topic = await broker.topic();
    const { text } = await post(gateway(), `/topics/${topic}?onError=stop`, NDJSON, "1\n{\n3\n");
    const [first, second, ...rest] = answers(text);
    assert.deepEqual([first.offset, second.line, rest], [0, 2, []]);
    assert.deepEqual(await values(topic), ["1"]);
  });

  it("?onError=stop stops reading and answering a stream that continues", async () => {
    const topic = await broker.topic();
    const exchange = openLines(gateway(), `/topics/${topic}?onError=stop`);
    await exchange.write("1\n{\n");
    assert.equal((await exchange.next()).offset, 0);
    assert.equal((await exchange.next()).line, 2);
    assert.equal(await exchange.next(), undefined);
    assert.deepEqual(await values(topic), ["1"]);
  });

  it("validates each line with the topic's schema, and takes the key from it", async () => {
    const { text } = await post(gateway(), `/topics/${checked}`, NDJSON, '{"n":1}\n{"n":"x"}\n{"n":3}\n');
    const [first, second, third] = answers(text);
    assert.deepEqual([second.error_code, second.line, second.errors[0].pointer], [42206, 2, "/n"]);
    const records = (
      await Promise.all(
        [first, third].map(({ partition }) => readPartition(broker.addresses(), checked, partition)),
      )
    ).flat();
    assert.ok(records.some(({ key, value }) => key?.toString() === "3" && value?.toString() === '{"n":3}'));
    assert.ok(records.every(({ value }) => value?.toString() !== '{"n":"x"}'));
  });

  it("applies the query and Kafka-Header- headers to every line, and refuses unknown parameters", async () => {
    const topic = await broker.topic();
    const path = `/topics/${topic}?key=k&timestamp=1700000000000`;
    await post(gateway(), path, NDJSON, "1\n2\n", { "kafka-header-from": "me" });
    for (const { key, timestamp, headers } of await readPartition(broker.addresses(), topic)) {
      assert.deepEqual([key?.toString(), timestamp], ["k", 1700000000000]);
      assert.deepEqual(headers, [{ key: "from", value: Buffer.from("me") }]);
    }
    for (const query of ["onError=perhaps", "async=true"])
      assert.equal((await post(gateway(), `/topics/${topic}?${query}`, NDJSON, "1\n")).status, 400);
  });

  it("fails the whole request if every line would fail", async () => {
    const { status, body } = await post(gateway(), "/topics/no-such-topic", NDJSON, "1\n2\n");
    assert.deepEqual([status, body.error_code], [404, 40401]);
    const empty = await post(gateway(), `/topics/${await broker.topic()}`, NDJSON, "\n");
    assert.deepEqual([empty.status, empty.body.error_code], [400, 40001]);
  });

  it("fails one record that the topic would refuse, and no other", async () => {
    const topic = await broker.topic({ config: { "max.message.bytes": "1000" } });
    const { text } = await post(gateway(), `/topics/${topic}`, NDJSON, `1\n"${"x".repeat(2000)}"\n3\n`);
    const [first, second, third] = answers(text);
    assert.deepEqual([first.offset, second.error_code, second.line, third.offset], [0, 41301, 2, 1]);
  });

  it("refuses a line longer than http.maxBody without storing it, and reads the next", async () => {
    const topic = await broker.topic();
    const exchange = openLines(gateway(), `/topics/${topic}`);
    const part = Buffer.alloc(1024 * 1024, "x");
    await exchange.write('"');
    for (let n = 0; n < 40; n++) await exchange.write(part);
    await exchange.write('"\n2\n');
    assert.deepEqual(await exchange.next().then(({ error_code, line }) => [error_code, line]), [41301, 1]);
    assert.equal((await exchange.next()).offset, 0);
    exchange.end();
    assert.equal(await exchange.next(), undefined);
  });

  it("answers while the body is still arriving", async () => {
    const topic = await broker.topic();
    const exchange = openLines(gateway(), `/topics/${topic}`);
    for (let n = 0; n < 20; n++) {
      await exchange.write(`${n}\n`);
      assert.equal((await exchange.next()).offset, n);
    }
    exchange.end();
    assert.equal(await exchange.next(), undefined);
  });

  it("does not write a line that a lost connection cut off, even if its beginning would parse", async () => {
    const topic = await broker.topic();
    const exchange = openLines(gateway(), `/topics/${topic}`);
    await exchange.write("1\n");
    assert.equal((await exchange.next()).offset, 0);
    await exchange.write("12345");
    exchange.cut();
    await until(async () => (await inFlight(gateway())) === 0);
    assert.deepEqual(await values(topic), ["1"]);
  });

  it("when it stops, ends a stream with the number of the first line that was not read", async () => {
    const own = await startTestGateway(broker.addresses());
    const topic = await broker.topic();
    const exchange = openLines(own, `/topics/${topic}`);
    await exchange.write("1\n");
    assert.equal((await exchange.next()).offset, 0);
    const stopped = own.stop();
    const { error_code, line, detail } = await exchange.next();
    assert.deepEqual([error_code, line], [50301, 2]);
    assert.match(detail, /Line 2 and the lines after it were not written/);
    assert.equal(await exchange.next(), undefined);
    await stopped;
  });
});

describeOnDevBroker("http: lines while Kafka is away", () => {
  it("each line of an open stream is answered 503, and lines are written again when Kafka is back", async () => {
    const broker = await startDevBroker();
    broker.createTopic("t");
    const gateway = await startTestGateway([broker.address], { http: { deadline: "500ms" } });
    const exchange = openLines(gateway, "/topics/t");
    await exchange.write("1\n");
    assert.equal((await exchange.next()).offset, 0);
    await broker.stop();
    await until(async () => (await readyStatus(gateway)) === 503);
    await exchange.write("2\n");
    const { error_code, line } = await exchange.next();
    assert.deepEqual([error_code, line], [50301, 2]);
    await broker.start();
    await untilReady(gateway);
    await exchange.write("3\n");
    assert.ok((await exchange.next()).offset >= 0);
    exchange.end();
  });
});
