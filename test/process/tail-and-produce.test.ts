// `onramp tail` and `onramp produce` as processes: exit codes, signals, pipes.

import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { useBroker } from "../support/broker.ts";
import { named, position, problem, record, recordData, startEvents, stream } from "../support/event-lines.ts";
import { useGateway } from "../support/gateway.ts";
import { open, run } from "../support/process.ts";
import { until } from "../support/until.ts";

const sh = promisify(execFile);
const exact = '{"total":1.0,"id":12345678901234567890}';

describe("process: tail and produce", () => {
  const broker = useBroker();
  const gateway = useGateway(broker.addresses);

  it("`tail --json` prints the data as received, resumes by itself, and ends with 0 at SIGINT", async () => {
    const gap = named("gap", { topic: "orders", partition: 1, from: 2, to: 3 });
    const api = await startEvents(
      stream(`${position("p0")}${record(1, exact)}${gap}${record(3).slice(0, 50)}`, "cut"),
      stream(record(3)),
    );
    const { child, printed, ended } = open(["tail", "orders", "--from", "-20", "--json", "--url", api.url]);
    await until(() => printed.stdout.split("\n").length === 3);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended();
    assert.deepEqual([code, stdout], [0, `${recordData(1, exact)}\n${recordData(3)}\n`]);
    assert.match(stderr, /^gap: .*\n.*was lost: the connection was closed\. Trying again.*\n.*is back.*\n$/);
    assert.deepEqual(
      api.calls.map(({ url }) => url.search),
      ["?from=-20", "?lastEventId=gap"],
    );
  });

  it("`tail` ends with 0 and prints nothing more when its output is closed", async () => {
    const step = stream(Array.from({ length: 3000 }, (_, n) => record(n)).join(""));
    const api = await startEvents(step);
    const command = `{ node dist/main.js tail orders; echo "code $?" >&2; } | head -2`;
    const env = { ...process.env, ONRAMP_URL: api.url };
    const { stdout, stderr } = await sh("sh", ["-c", command], { env });
    const line = (n: number): string => `orders/1@${n}  2026-11-26T17:51:13.924Z  k  {"n":${n}}\n`;
    assert.deepEqual([stdout, stderr], [line(0) + line(1), "code 0\n"]);
  });

  it("`tail` ends with 1 and the detail of a refusal", async () => {
    const api = await startEvents(problem(404, 'Kafka has no topic "orders".'));
    const { code, stderr } = await run(["tail", "orders"], { ONRAMP_URL: api.url });
    assert.deepEqual([code, stderr], [1, 'The gateway answered 404: Kafka has no topic "orders".\n']);
  });

  it("`produce` writes each line at once, and ends with 0 when all are written", async () => {
    const topic = await broker.topic();
    const { child, printed, ended } = open(["produce", topic, "--json", "--url", gateway().apiUrl]);
    child.stdin.write(`${exact}\n`);
    await until(() => printed.stdout.includes("\n"));
    child.stdin.end("2");
    const { code, stdout, stderr } = await ended();
    assert.deepEqual([code, stderr], [0, "2 written, 0 failed\n"]);
    const offsets = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).offset);
    assert.deepEqual(offsets, [0, 1]);
  });

  it("`produce` ends with 1 when a line failed, and with 130 when it was interrupted", async () => {
    const topic = await broker.topic();
    const { child, printed, ended } = open(["produce", topic, "--url", gateway().apiUrl]);
    child.stdin.write("1\n{\n");
    await until(() => printed.stderr.includes("line 2"));
    child.stdin.end();
    const { code, stdout, stderr } = await ended();
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^line 2: The line is not valid JSON: it ends too early\.\n1 written, 1 failed\n$/);
    const other = open(["produce", topic, "--json", "--url", gateway().apiUrl]);
    other.child.stdin.write("1\n");
    await until(() => other.printed.stdout.includes("\n"));
    other.child.kill("SIGINT");
    const interrupted = await other.ended();
    assert.equal(interrupted.code, 130);
    assert.match(interrupted.stderr, /interrupted before the end.* Line 2 .*\n1 written, 0 failed\n$/);
  });
});
