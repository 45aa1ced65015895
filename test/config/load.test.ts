// Loading the configuration: file, environment, references; every problem at once, and no value in any message.

import { strict as assert } from "node:assert";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ConfigError } from "../../src/config/problems.ts";
import { bytes, ms } from "../../src/core/units.ts";
import { loadTestConfig } from "../support/config.ts";

const folder = mkdtempSync(path.join(tmpdir(), "onramp-config-"));
let files = 0;
function load(yaml: string, env: Record<string, string> = {}) {
  const file = path.join(folder, `${files++}.yaml`);
  writeFileSync(file, yaml);
  return loadTestConfig(file, env);
}
function problems(yaml: string, env: Record<string, string> = {}): string[] {
  try {
    load(yaml, env);
  } catch (error) {
    return (error as ConfigError).problems.map(({ path: at, message }) => `${at}: ${message}`);
  }
  return [];
}

describe("config: loading", () => {
  it("loads without a file, from defaults and the environment", () => {
    const config = loadTestConfig(undefined, {
      KAFKA_BROKERS: "a:1, b:2",
      ONRAMP_PORT: "9999",
      ONRAMP_STOP_DRAIN: "1s",
    });
    assert.deepEqual(
      [
        config.kafka.brokers,
        config.http.port,
        config.admin.port,
        ms(config.stop.drain),
        bytes(config.http.budget),
      ],
      [["a:1", "b:2"], 9999, 8081, 1000, 64 * 1024 * 1024],
    );
    assert.ok(Object.isFrozen(config.kafka.brokers));
  });

  it("warns about values of ${env:} and ${file:} that start or end with whitespace, and does not quote them", () => {
    writeFileSync(path.join(folder, "padded"), "hidden \n");
    writeFileSync(path.join(folder, "clean"), "hidden\n");
    const { compiled } = load(
      [
        'kafka: { sasl: { mechanism: plain, username: u, password: "${env:LINE}" } }',
        'webhooks: { g: { type: github, secrets: ["${env:CLEAN}", "${env:CRLF}", "${file:padded}", "${file:clean}"], topic: G } }',
        'sinks: { s: { type: slack, webhookUrl: "${env:URL}", topics: [G], text: type }, b: { type: slack, token: "${env:TAB}", channel: c, topics: [G], text: type } }',
      ].join("\n"),
      {
        CLEAN: "hidden",
        LINE: "hidden\n",
        CRLF: "hidden\r\n",
        TAB: "\thidden",
        URL: "https://hooks.example/hidden\n",
      },
    );
    assert.deepEqual(
      compiled.warnings.map((warning) =>
        /^(\S+): the value of the (.*) starts or ends with/.exec(warning)?.slice(1),
      ),
      [
        ["kafka.sasl.password", "environment variable LINE"],
        ["webhooks.g.secrets.1", "environment variable CRLF"],
        ["webhooks.g.secrets.2", "file padded"],
        ["sinks.s.webhookUrl", "environment variable URL"],
        ["sinks.b.token", "environment variable TAB"],
      ],
    );
    assert.ok(!compiled.warnings.some((warning) => warning.includes("hidden")));
  });

  it("lets the admin port listen on loopback unless admin.host says otherwise, also if the API listens elsewhere", () => {
    assert.equal(load("http: { host: 0.0.0.0, auth: none }").admin.host, "127.0.0.1");
    assert.equal(load("admin: { host: 10.1.2.3 }").admin.host, "10.1.2.3");
    assert.equal(load("", { ONRAMP_ADMIN_HOST: "0.0.0.0" }).admin.host, "0.0.0.0");
  });

  it("refuses a short secret of tickets, and does not print it", () => {
    for (const [secret, count] of [
      ["x".repeat(31), 1],
      ["x".repeat(32), 0],
    ] as const) {
      const found = problems(`http: { tickets: { secret: ${secret} } }`);
      assert.equal(found.length, count);
      assert.ok(
        found.every((text) => /^http\.tickets\.secret: .*32/.test(text) && !text.includes("xxx")),
        `${found}`,
      );
    }
    assert.match(problems("http: { tickets: {} }")[0] ?? "", /^http\.tickets\.secret: is missing/);
  });

  it("names whitespace of a value as a possible cause of a problem at its option", () => {
    const hash = `sha256:${"0".repeat(64)}\n`;
    const found = problems('http: { auth: { tokens: { t: { hash: "${env:HASH}" } } } }', { HASH: hash });
    assert.equal(found.length, 2);
    assert.match(
      found[1] ?? "",
      /^http\.auth\.tokens\.t\.hash: .* variable HASH starts or ends with whitespace/,
    );
  });

  it("reads ${env:} and ${file:}, without the line end at the end of the file", () => {
    writeFileSync(path.join(folder, "secret"), "from-file\n");
    const { kafka, webhooks } = load(
      'kafka: { sasl: { mechanism: plain, username: u, password: "${file:secret}" } }\nwebhooks: { g: { type: github, secrets: ["a-${env:S}"], topic: G } }',
      { S: "from-env" },
    );
    assert.equal(kafka.sasl?.mechanism === "plain" && kafka.sasl.password, "from-file");
    assert.deepEqual(webhooks["g"], {
      type: "github",
      secrets: ["a-from-env"],
      topic: "G",
      topics: {},
      ping: false,
      onInvalid: "refuse",
    });
  });

  it("reports every problem at once, each with its path and the fix", () => {
    const found = problems(
      'kafka: { borkers: [], requestTimeout: soon, linger: 5s, compression: zip, brokers: ["http://x:1/"] }\nhttp: { port: 99999, budget: 10MB, auth: { tokens: { a: { hash: x } } } }\nwebhooks: { g: { type: gitlab }, h: { type: github, topic: G } }\ntopics: { ".": {}, "a/b": {} }\nextra: 1',
    );
    for (const expected of [
      /^kafka\.borkers: unknown key; the keys here are brokers/,
      /^kafka\.requestTimeout: must be a duration/,
      /^kafka\.linger: must be shorter than http\.deadline/,
      /^kafka\.compression: must be one of none, gzip, snappy, lz4, zstd/,
      /^kafka\.brokers\.0: /,
      /^http\.port: /,
      /^http\.budget: must be at least twice/,
      /^webhooks\.g\.type: must be one of github/,
      /^webhooks\.h\.secrets: is missing/,
      /^topics\.\.: is not a valid name; a name has 1 to 249 letters/,
      /^topics\.a\/b: is not a valid name/,
      /^extra: unknown key/,
    ]) {
      assert.ok(
        found.some((line) => expected.test(line)),
        `${expected} in\n${found.join("\n")}`,
      );
    }
  });

  it("prints no value in any problem", () => {
    for (const yaml of [
      "kafka: { sasl: { mechanism: plain, username: u, password: [hunter2] } }",
      "a: *hunter2",
      "a: |hunter2",
      "}hunter2",
      'kafka: { sasl: "hunter2" }',
      'topics: { t: { key: "$hunter2(" } }',
      'topics: { t: { schema: "hunter2" } }',
      "http: { tls: { cert: hunter2, key: hunter2 } }",
      "http: { auth: { tokens: { x: { hash: hunter2 } } } }",
    ]) {
      const found = problems(yaml);
      assert.ok(found.length > 0, yaml);
      assert.ok(!found.join("\n").includes("hunter2"), found.join("\n"));
    }
  });

  it("reports a missing file, variable, secret or mapping", () => {
    assert.throws(() => loadTestConfig("/no/such/file.yaml", {}), /cannot read/);
    assert.match(
      problems('kafka: { namespace: "${env:NOPE}" }')[0] ?? "",
      /^kafka\.namespace: the environment variable NOPE is not set/,
    );
    assert.match(problems('kafka: { namespace: "${file:nope}" }')[0] ?? "", /cannot read the file/);
    assert.match(problems("- a")[0] ?? "", /mapping/);
    assert.match(problems("", { ONRAMP_PORT: "many" })[0] ?? "", /ONRAMP_PORT/);
    assert.match(problems("a: 1\na: 2")[0] ?? "", /line 2/);
  });

  it("reports invalid schemas and expressions, and topics that cannot be written to", () => {
    writeFileSync(path.join(folder, "broken.json"), '{"type":"strnig"}');
    const found = problems(
      "topics: { t: { schema: broken.json }, u: { key: 'a b' }, __x: {} }\nwebhooks: { g: { type: github, secrets: [s], topic: 'bad name' }, h: { type: github, secrets: [s], topic: x.dead-letter } }",
    );
    for (const expected of [
      /^topics\.t\.schema: broken\.json/,
      /^topics\.u\.key: .*position/,
      /^topics\.__x: /,
      /^webhooks\.g: the topic name is not valid; .*, and is not "\." or "\.\."\. Choose another topic/,
      /^webhooks\.h: /,
    ])
      assert.ok(
        found.some((line) => expected.test(line)),
        `${expected} in\n${found.join("\n")}`,
      );
  });

  it("reports every problem in one round: of the schema, of expressions, files, topics and adapters", () => {
    const found = problems(`
      kafka: { namespacee: x, linger: 5 }
      topics:
        orders: { schema: nope.json, key: "a(", tombstonez: 1 }
        __internal: {}
      webhooks:
        hook: { type: github, topic: "bad topic!", secrets: [s], frob: 1 }
        other: { type: gitlab }
      sinks:
        team: { type: slack, webhookUrl: "http://x/", topics: [orders, "b d"], giveUpAfter: 3, filter: "(((", text: "'" }
        out: { type: webhook, url: "http://127.0.0.1/", topics: [a], headers: { "x y": z } }
    `).map((problem) => problem.slice(0, problem.indexOf(": ")));
    assert.deepEqual(found.sort(), [
      "kafka.linger",
      "kafka.namespacee",
      "sinks.out",
      "sinks.out",
      "sinks.team.filter",
      "sinks.team.giveUpAfter",
      "sinks.team.text",
      "sinks.team.topics",
      "topics.__internal",
      "topics.orders.key",
      "topics.orders.schema",
      "topics.orders.tombstonez",
      "webhooks.hook",
      "webhooks.hook.frob",
      "webhooks.other.type",
    ]);
  });

  for (const yaml of [
    "kafka:",
    "http: 5",
    "topics: []",
    "sinks: { a: null }",
    "webhooks: text",
    "kafka: { sasl: 1 }",
  ])
    it(`reports ${yaml} as a problem, and does not fail in another way`, () => {
      assert.ok(problems(yaml).length > 0);
    });
});
