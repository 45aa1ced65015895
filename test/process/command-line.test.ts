// The command line: start, check, token, replay, help, and what is printed when something is missing.

import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { useBroker } from "../support/broker.ts";
import { writeConfig } from "../support/gateway.ts";
import { sinkState } from "../support/http.ts";
import { open, run, start, startWith } from "../support/process.ts";
import { startReceiver } from "../support/receiver.ts";
import { bound } from "../support/soak.ts";
import { until } from "../support/until.ts";

const sh = promisify(execFile);

describe("process: command line", function () {
  this.timeout(60_000);
  const broker = useBroker();

  it("`start --dev` is ready within a second and prints a curl command that works", async () => {
    const gateway = await start(["start", "--dev"]);
    assert.ok(gateway.readyMs < bound(1000), `ready after ${gateway.readyMs.toFixed(0)} ms`);
    await until(() => gateway.stderr().includes("curl"));
    const curl = /^ {2}(curl .*)$/m.exec(gateway.stderr())?.[1] ?? "";
    assert.match(gateway.stderr(), /DEVELOPMENT BROKER/);
    const { stdout } = await sh("sh", ["-c", curl]);
    assert.deepEqual(Object.keys(JSON.parse(stdout)), ["topic", "partition", "offset", "timestamp"]);
    assert.equal(await gateway.end("SIGINT"), 0);
  });

  it("`start` without --dev and without brokers fails and names the setting", async () => {
    const ended = await run(["start"]);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /KAFKA_BROKERS/);
    assert.match(ended.stderr, /--dev/);
  });

  it("`start` fails without auth if auth is required, as in the image", async () => {
    const ended = await run(["start"], {
      KAFKA_BROKERS: broker.addresses().join(","),
      ONRAMP_REQUIRE_AUTH: "true",
    });
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /http\.auth/);
  });

  it("`start` fails when configured topics are missing, and prints how to create them", async () => {
    const config = writeConfig({
      kafka: { brokers: broker.addresses() },
      topics: { "not-there-yet": { partitions: 3, config: { "retention.ms": "1000" } } },
    });
    const ended = await run(["start", "--config", config]);
    assert.equal(ended.code, 1);
    assert.match(
      ended.stderr,
      /kafka-topics .*--create --topic not-there-yet --partitions 3 --config retention\.ms=1000/,
    );
    assert.match(ended.stderr, /kind: KafkaTopic/);
  });

  it("`start` creates missing topics if the configuration allows it", async () => {
    const topic = `made-${Date.now()}`;
    const gateway = await startWith({
      kafka: { brokers: broker.addresses(), createTopics: true },
      topics: { [topic]: { partitions: 2 } },
    });
    const response = await fetch(`${gateway.apiUrl}/topics/${topic}`);
    assert.equal(((await response.json()) as { partitions: unknown[] }).partitions.length, 2);
  });

  it("`start` names the port that is in use", async () => {
    const first = await start(["start", "--dev"]);
    const ended = await run(["start", "--dev"], { ONRAMP_PORT: new URL(first.apiUrl).port });
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /Port \d+ is in use; choose another one with http\.port/);
  });

  it("`check` accepts a valid file, and reports every problem of an invalid one without its secrets", async () => {
    const good = await run([
      "check",
      "--config",
      writeConfig({ webhooks: { github: { type: "github", secrets: ["s"], topic: "GITHUB" } } }),
    ]);
    assert.equal(good.code, 0);
    assert.match(good.stdout, /valid: 0 topics with rules, 1 webhooks/);
    const bad = await run([
      "check",
      writeConfig({
        kafka: { borkers: [], sasl: { mechanism: "scram-sha-512", username: "u", password: 7 } },
        http: { deadline: "soon" },
      }),
    ]);
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /kafka\.borkers: unknown key/);
    assert.match(bad.stderr, /http\.deadline: must be a duration/);
    assert.match(bad.stderr, /kafka\.sasl/);
    assert.equal((await run(["check", "a.yaml", "b.yaml"])).code, 2);
  });

  it("`check` and `start` take the file as an argument, and name it in their answers", async () => {
    const [good, bad] = [writeConfig({}), writeConfig({ http: { deadline: "soon" } })];
    const checked = await run(["check", good]);
    assert.deepEqual([checked.code, checked.stdout.startsWith(`${good} is valid: `)], [0, true]);
    for (const command of ["check", "start"])
      for (const args of [[bad], ["--config", bad]]) {
        const { code, stderr } = await run([command, ...args]);
        assert.deepEqual([code, stderr.startsWith(`${bad} has 1 problem:`)], [1, true], stderr);
      }
    const missing = await run(["start", "no-such-file.yaml"]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /no-such-file\.yaml has 1 problem:\n.*ENOENT/);
    const topic = await broker.topic();
    const config = {
      kafka: { brokers: broker.addresses() },
      topics: { [topic]: {} },
      stop: { drain: "0ms" },
    };
    const gateway = await start(["start", writeConfig(config)]);
    assert.equal(
      (await fetch(`${gateway.apiUrl}/topics/${topic}`, { method: "POST", body: "x" })).status,
      200,
    );
  });

  it("refuses arguments that a command does not take, with its usage", async () => {
    const file = writeConfig({});
    for (const args of [
      ["start", file, "extra"],
      ["start", file, "--config", file],
      ["start", ""],
      ["check", file, file],
      ["check", file, "-c", file],
      ["check", "--config="],
      ["check", "-c", file, "-c", file],
      ["start", file, "--help", "--no-such"],
      ["token", ""],
      ["token", "shop", "extra"],
      ["produce", "orders", "payments"],
      ["replay", "extra", "--sink", "s", "--from", "2026-01-01T00:00:00Z"],
      ["dead-letter", "replay", "orders", "extra"],
      ["sources", "forget", "a", "extra"],
      ["github", "missed", "extra"],
      ["dev-broker", "extra"],
    ]) {
      const { code, stdout, stderr } = await run(args);
      const isExplained = /Usage: onramp |Give the token a name/.test(stderr);
      assert.deepEqual([code, stdout, isExplained], [2, "", true], args.join(" "));
    }
    for (const args of [["--help"], ["-h"], ["help"], ["check", "-h"], ["start", file, "--help"]])
      assert.match((await run(args)).stdout, /^Usage: onramp \[command\]/, args.join(" "));
  });

  it("is ended by a signal while it waits for its file, and says when its output cannot be written", async () => {
    const pipe = path.join(mkdtempSync(path.join(tmpdir(), "onramp-fifo-")), "onramp.yaml");
    await sh("mkfifo", [pipe]);
    for (const command of ["check", "start"]) {
      const { child, ended } = open([command, pipe]);
      // The process opens the pipe for reading: only then can it be opened for writing.
      const writer = await openFile(pipe, "w");
      child.kill("SIGTERM");
      await ended();
      assert.equal(child.signalCode, "SIGTERM");
      await writer.close();
    }
    const full = await sh("sh", ["-c", `${process.execPath} dist/main.js check >/dev/full`]).catch(
      (error: unknown) => error as { code: number; stderr: string },
    );
    assert.deepEqual(
      [(full as { code?: number }).code, full.stderr],
      [1, "The output cannot be written (ENOSPC).\n"],
    );
  });

  it("`check` reads the proxies of the environment", async () => {
    const team = {
      type: "slack",
      webhookUrl: "https://hooks.slack.com/services/x",
      topics: ["t"],
      text: "'x'",
    };
    const config = writeConfig({ sinks: { team } });
    assert.equal((await run(["check", config], { HTTPS_PROXY: "http://p:1" })).code, 0);
    const { code, stderr } = await run(["check", config], { HTTPS_PROXY: "socks5://p:1" });
    assert.equal(code, 1);
    assert.match(stderr, /sinks\.team.*must be the http or https URL of a proxy/);
  });

  it("`replay` and `dead-letter replay` print what they delivered, or which argument is missing", async () => {
    const receiver = await startReceiver();
    const topic = await broker.topic();
    const out = {
      type: "webhook",
      url: receiver.url,
      topics: [topic],
      filter: "n > 1",
      allowAddresses: ["127.0.0.1"],
    };
    const config = writeConfig({
      kafka: { brokers: broker.addresses(), createTopics: true },
      sinks: { out },
      stop: { drain: "0ms" },
    });
    const gateway = await start(["start", "--config", config]);
    await until(async () => (await sinkState(gateway)).partitions.length === 1);
    receiver.script = ({ body }) => ({ status: body === '{"n":2}' ? 410 : 200 });
    for (const n of [1, 2, 3])
      await fetch(`${gateway.apiUrl}/topics/${topic}`, { method: "POST", body: `{"n":${n}}` });
    await until(
      async () => (await sinkState(gateway)).delivered === 1 && (await sinkState(gateway)).deadLettered === 1,
    );
    assert.equal(await gateway.end(), 0);
    receiver.script = () => ({ status: 200 });
    const onramp = async (...args: string[]): Promise<[number | null, string]> => {
      const ended = await run([...args, "--config", config]);
      return [ended.code, ended.stdout + ended.stderr];
    };
    const [letters, printedLetters] = await onramp("dead-letter", "replay", topic);
    assert.match(printedLetters, /1 delivered, 0 skipped by the filter, 0 dead letters\./);
    const [range, printedRange] = await onramp("replay", "--sink", "out", "--from", "2026-01-01T00:00:00Z");
    assert.match(printedRange, /2 delivered, 1 skipped by the filter, 0 dead letters\./);
    assert.deepEqual([letters, range], [0, 0]);
    for (const times of [
      ["yesterday"],
      ["2026"],
      ["1795623308"],
      ["2026-02-01T00:00:00Z", "--to", "2026-01-01T00:00:00Z"],
    ]) {
      const [noTime, printedTime] = await onramp("replay", "--sink", "out", "--from", ...times);
      assert.deepEqual([noTime, /such as 2026/.test(printedTime)], [2, true], String(times));
    }
    const [noSink, printedSink] = await onramp("replay", "--sink", "in", "--from", "1795623308000");
    assert.deepEqual([noSink, /No sink "in".*are: out/.test(printedSink)], [1, true]);
    const [noTopic, printedTopic] = await onramp("dead-letter", "replay");
    assert.deepEqual([noTopic, /original topic/.test(printedTopic)], [2, true]);
  });

  it("`token` prints a token and its hash; `--help` and `--version` exit with 0, unknown words with 2", async () => {
    const token = await run(["token", "shop"]);
    assert.match(token.stdout, /onr_[\w-]{43}[\s\S]*sha256:[0-9a-f]{64}/);
    const [help, version, nothing, bad] = [
      await run(["--help"]),
      await run(["--version"]),
      await run(["frobnicate"]),
      await run(["start", "--no-such"]),
    ];
    assert.ok(help.code === 0 && /dev-broker/.test(help.stdout));
    assert.ok(/^\d+\.\d+\.\d+\n$/.test(version.stdout));
    assert.equal(nothing.code, 2);
    assert.ok(bad.code === 2 && /Usage: onramp start/.test(bad.stderr));
  });
});
