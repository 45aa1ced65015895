// What `start --dev` prints for a person: which Kafka it uses, when it is ready, and requests that the configuration accepts.

import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createToken } from "../../src/core/token.ts";
import { startDevBroker, useBroker } from "../support/broker.ts";
import { type TestConfig, writeConfig } from "../support/gateway.ts";
import { freePort } from "../support/net.ts";
import { run, type Started, start } from "../support/process.ts";
import { until } from "../support/until.ts";

const sh = promisify(execFile);

describe("process: the greeting of `start --dev`", () => {
  const broker = useBroker();
  const startDev = (config: TestConfig): Promise<Started> => start(["start", writeConfig(config), "--dev"]);
  const isGreeted = ({ stderr }: Started) => until(() => /Onramp is ready\. Try:\n\n.*\n/.test(stderr()));
  const command = ({ stderr }: Started, name: string) =>
    new RegExp(`^ {2}(${name} .*)$`, "m").exec(stderr())?.[1] ?? "";
  /** Runs the curl command that was printed. @returns the topic of its receipt */
  async function tried(gateway: Started, env: Record<string, string> = {}): Promise<string> {
    await isGreeted(gateway);
    const { stdout } = await sh("sh", ["-c", command(gateway, "curl")], { env: { ...process.env, ...env } });
    return JSON.parse(stdout).topic;
  }

  it("names the Kafka that is configured, and does not create topics there", async () => {
    const brokers = broker.addresses();
    const topic = await broker.topic();
    const gateway = await startDev({ kafka: { brokers }, topics: { [topic]: {} } });
    assert.equal(await tried(gateway), topic);
    assert.match(gateway.stderr(), new RegExp(`Kafka: ${brokers.join(", ")}\\.`));
    assert.match(gateway.stderr(), /creates no topics in it/);
    assert.doesNotMatch(gateway.stderr(), /DEVELOPMENT BROKER/);
    const missing = { kafka: { brokers }, topics: { "not-there-with-dev": {} } };
    const ended = await run(["start", "--dev", writeConfig(missing)]);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /Topics are missing in Kafka: not-there-with-dev/);
  });

  it("is printed only when Kafka can be reached", async () => {
    const port = await freePort();
    const gateway = await startDev({ kafka: { brokers: [`127.0.0.1:${port}`] }, topics: { late: {} } });
    await until(() => /Onramp is not ready: .*ECONNREFUSED/.test(gateway.stderr()));
    assert.doesNotMatch(gateway.stderr(), /Onramp is ready/);
    const late = await startDevBroker({ port });
    late.createTopic("late");
    assert.equal(await tried(gateway), "late");
  });

  it("prints a request for a topic that a token may write, with a valid value", async () => {
    const [reader, shop] = [createToken(), createToken()];
    const schema = {
      type: "object",
      required: ["id", "at", "kind", "lines", "paid", "n"],
      properties: {
        id: { type: "string", minLength: 12 },
        at: { type: "string", format: "date-time" },
        kind: { enum: ["it's new", "old"] },
        lines: { type: "array", minItems: 1, items: { type: "object", required: ["sku"], properties: {} } },
        paid: { type: "boolean" },
        n: { type: "integer", minimum: 100 },
      },
    };
    const gateway = await startDev({
      topics: { private: {}, shop: { schema: "shop.json" } },
      http: {
        host: "127.0.0.1",
        auth: {
          tokens: {
            reader: { hash: reader.hash, read: ["*"] },
            shop: { hash: shop.hash, produce: ["sh*"] },
          },
        },
      },
      files: { "shop.json": JSON.stringify(schema) },
    });
    assert.equal(await tried(gateway, { ONRAMP_TOKEN: shop.token }), "shop");
    assert.match(command(gateway, "npx"), /^npx kafka-onramp tail shop --url http/);
    assert.match(gateway.stderr(), /With the token "shop" in ONRAMP_TOKEN:\n.*With the token "reader"/s);
  });

  it("uses the examples of a schema, and prefers a topic for which a value is known", async () => {
    const files = {
      "pattern.json": JSON.stringify({ type: "string", pattern: "^[a-z]{5}[0-9]{3}$" }),
      "example.json": JSON.stringify({ type: "string", pattern: "^[0-9]{3}$", examples: ["123"] }),
    };
    const [pattern, example] = [{ schema: "pattern.json" }, { schema: "example.json" }];
    assert.equal(await tried(await startDev({ topics: { pattern, example }, files })), "example");
    const gateway = await startDev({ topics: { pattern }, files });
    await isGreeted(gateway);
    const { stdout } = await sh("sh", ["-c", command(gateway, "curl")]);
    assert.equal(JSON.parse(stdout).pattern, "^[a-z]{5}[0-9]{3}$");
    assert.match(gateway.stderr(), /to record\.json, then:\n.*\/topics\/pattern .* -d @record\.json\n/);
  });

  it("names a topic that can only be read", async () => {
    const { token, hash } = createToken();
    const tokens = { reader: { hash, read: ["t"] } };
    const gateway = await startDev({ topics: { t: {} }, http: { host: "127.0.0.1", auth: { tokens } } });
    await isGreeted(gateway);
    const env = { ...process.env, ONRAMP_TOKEN: token };
    const { stdout } = await sh("sh", ["-c", command(gateway, "curl")], { env });
    assert.deepEqual(JSON.parse(stdout), ["t"]);
    assert.match(command(gateway, "npx"), /tail t /);
  });

  it("prints a command that lists topics when the configuration names none", async () => {
    const gateway = await startDev({ kafka: { brokers: broker.addresses() } });
    await isGreeted(gateway);
    const { stdout } = await sh("sh", ["-c", command(gateway, "curl")]);
    assert.ok(Array.isArray(JSON.parse(stdout)));
  });
});
