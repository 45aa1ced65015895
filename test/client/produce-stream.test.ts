// The client that sends lines: answers, refusals, and connections that break.

import { strict as assert } from "node:assert";
import type { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import { parseGateway } from "../../src/client/gateway.ts";
import { type ProduceReport, ProduceStream } from "../../src/client/produce-stream.ts";
import { afterTest } from "../support/after-test.ts";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { NDJSON } from "../support/http.ts";
import { startOpenServer } from "../support/open-server.ts";
import { readValues } from "../support/read-back.ts";
import { until } from "../support/until.ts";

/** A request in flight, and what it reported. */
function open(url: string, topic = "orders", query: Record<string, string> = {}) {
  const input = new PassThrough();
  const stop = new AbortController();
  afterTest(() => stop.abort());
  const receipts: string[] = [];
  const failures: [number, string][] = [];
  const listener = {
    onReceipts: async (lines: readonly Buffer[]) => {
      receipts.push(...lines.map(String));
    },
    onFailure: (line: number, detail: string) => void failures.push([line, detail]),
  };
  const stream = new ProduceStream(parseGateway(url, undefined), { topic, query }, input, listener);
  return { input, stop, receipts, failures, done: stream.run(stop.signal) };
}

type Handler = (chunk: string, res: ServerResponse, req: IncomingMessage) => void;

/** Answers 200, and calls the handler with each part of the body. */
const startDouble = (handler: Handler): Promise<string> =>
  startOpenServer((req, res) => {
    res.writeHead(200, { "content-type": NDJSON });
    req.on("data", (chunk) => handler(String(chunk), res, req));
  });

const receipt = (offset: number): string =>
  `{"topic":"orders","partition":0,"offset":${offset},"timestamp":1}\n`;
const problem = (line: number, detail: string): string =>
  `${JSON.stringify({ detail, error_code: 50301, line })}\n`;

const counts = ({ written, failed, unknown }: ProduceReport): number[] => [written, failed, unknown];

describe("client: produce stream", () => {
  const broker = useBroker();
  const gateway = useGateway(broker.addresses);

  it("receives the answer to each line before the next one is sent, and assigns failures to lines", async () => {
    const topic = await broker.topic();
    const { input, receipts, failures, done } = open(gateway().apiUrl, topic, { key: "k", partition: "0" });
    input.write('{"n":1.0}\n');
    await until(() => receipts.length === 1);
    assert.match(
      receipts[0] ?? "",
      new RegExp(`^\\{"topic":"${topic}","partition":0,"offset":0,"timestamp":\\d+\\}$`),
    );
    input.write("\n{\n");
    await until(() => failures.length === 1);
    assert.equal(failures[0]?.[0], 3);
    assert.match(failures[0]?.[1] ?? "", /not valid JSON/);
    input.end("2");
    const report = await done;
    assert.deepEqual([counts(report), report.reason, report.next], [[2, 1, 0], undefined, undefined]);
  });

  it("writes nothing for an input without lines, which is not an error", async () => {
    const topic = await broker.topic();
    for (const text of ["", "\n \n"]) {
      const { input, done } = open(gateway().apiUrl, topic);
      input.end(text);
      const report = await done;
      assert.deepEqual([counts(report), report.reason], [[0, 0, 0], undefined]);
    }
  });

  it("sends many lines in one request", async () => {
    const topic = await broker.topic();
    const { input, receipts, done } = open(gateway().apiUrl, topic);
    input.end("1\n".repeat(10_000));
    assert.deepEqual(counts(await done), [10_000, 0, 0]);
    assert.equal(receipts.length, 10_000);
  });

  it("stops reading its input when the gateway does not read", async () => {
    const { input } = open(await startOpenServer((req) => void req.pause()));
    for (let n = 0; n < 300; n++) input.write(Buffer.alloc(65_536, "1"));
    // The buffers of the kernel fill first.
    let left = 0;
    await until(() => {
      const before = left;
      left = input.readableLength + input.writableLength;
      return input.isPaused() && left === before;
    });
    assert.ok(left > 65_536);
  });

  it("reports a refusal at once, while its input is open", async () => {
    const { done } = open(
      await startOpenServer((_, res) => {
        res.writeHead(401, { "content-type": "application/problem+json" });
        res.end('{"detail":"A token is required."}');
      }),
    );
    const refused = await done;
    assert.match(refused.reason ?? "", /401: A token is required\. Set ONRAMP_TOKEN/);
    const { input, done: missing } = open(gateway().apiUrl, "no-such-topic");
    input.write("1\n2\n");
    const report = await missing;
    assert.match(report.reason ?? "", /no topic "no-such-topic"/);
    assert.deepEqual([counts(report), report.next], [[0, 2, 0], undefined]);
  });

  it("knows nothing of the lines that were sent when a proxy answers 502", async () => {
    const url = await startOpenServer((req, res) => {
      req.once("data", () => {
        res.writeHead(502);
        res.end("<html>Bad\u0007gateway");
      });
    });
    const { input, done } = open(url);
    input.write("1\n2\n");
    const report = await done;
    assert.match(report.reason ?? "", /answered 502 \(<html>Bad\\u0007gateway\)/);
    assert.deepEqual([counts(report), report.unknownLines, report.next], [[0, 0, 2], "lines 1-2", 3]);
  });

  it("names the lines whose outcome is unknown when the connection breaks", async () => {
    const url = await startDouble((_, res) => {
      res.write(receipt(1), () => res.destroy());
    });
    const { input, done } = open(url);
    input.write("1\n\n2\n3\n4");
    const report = await done;
    assert.deepEqual(
      [counts(report), report.unknownLines, report.next, report.reason],
      [[1, 0, 2], "lines 3-4", 5, `The connection to ${url} was lost: the connection was closed.`],
    );
  });

  it("counts the lines that a stopping gateway has not read as not written", async () => {
    for (const at of [2, 3]) {
      const url = await startDouble((_, res) => {
        res.end(
          receipt(1) + (at === 3 ? receipt(2) : "") + problem(at, `Stopping. Line ${at} was not written.`),
        );
      });
      const { input, done, failures } = open(url);
      input.write(at === 2 ? "1\n2\n3\n" : "1\n2\n");
      const report = await done;
      assert.deepEqual([counts(report), failures.length], at === 2 ? [[1, 2, 0], 1] : [[2, 0, 0], 0]);
      assert.match(report.reason ?? "", /Stopping/);
    }
  });

  it("says why its input cannot be read", async () => {
    const topic = await broker.topic();
    const { input, receipts, done } = open(gateway().apiUrl, topic);
    input.write("1\n");
    await until(() => receipts.length === 1);
    input.emit("error", new Error("EIO: i/o error, read"));
    const report = await done;
    assert.deepEqual([counts(report), report.next], [[1, 0, 0], 2]);
    assert.match(report.reason ?? "", /The input cannot be read: EIO/);
  });

  it("at an interruption, waits for the answers to whole lines and does not write a line that is cut", async () => {
    const topic = await broker.topic();
    for (const cut of ["", "12"]) {
      const { input, stop, done } = open(gateway().apiUrl, topic);
      input.write(`1\n2\n${cut}`);
      await until(() => input.readableLength === 0);
      stop.abort();
      input.write("3\n");
      const report = await done;
      assert.deepEqual([counts(report), report.next, report.reason], [[2, 0, 0], 3, undefined]);
    }
    assert.deepEqual(await readValues(broker.addresses(), topic), ["1", "2", "1", "2"]);
  });

  it("fails when no gateway answers", async () => {
    const { done } = open("http://127.0.0.1:1");
    await assert.rejects(done, {
      message: /^No gateway answers at http:\/\/127\.0\.0\.1:1: .*onramp start --dev/,
    });
  });
});
