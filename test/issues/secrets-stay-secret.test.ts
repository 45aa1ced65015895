// A canary in every secret of every kind of adapter, while every kind of failure happens: it is in no line of the log at level debug, in
// no answer of the admin port, in no problem and no dead letter, and not on stderr. `secrets-stay-secret.config.test.ts` has the problems
// of the configuration.

import { strict as assert } from "node:assert";
import { generateKeyPairSync } from "node:crypto";
import { adapters } from "../../src/app/adapters.ts";
import { describeOnDevBroker, produceWithKafkajs, thorough, useBroker } from "../support/broker.ts";
import { FAILURES, startEchoingPostgres, startEchoingServer } from "../support/echoing-server.ts";
import { freePort } from "../support/net.ts";
import { startWith } from "../support/process.ts";
import { readPartition } from "../support/read-back.ts";
import { startScriptedBroker } from "../support/scripted-broker.ts";
import { until } from "../support/until.ts";

/** With characters that URLs, JSON and HTML escape. */
const CANARY = 'c4n4ry"S3cr3t&<V4lue>/%+é';
/** For tokens and the path of a URL. */
const PLAIN = "c4n4ryS3cr3tV4lue";
const PEM = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
  type: "pkcs8",
  format: "pem",
});
/** A part of each line of a secret, in the forms in which a message could contain it. */
const FORMS = [
  ...[PLAIN, CANARY, "S3cr3t", `user:${CANARY}`].flatMap((text) => [
    text,
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
    Buffer.from(text).toString("base64").replace(/=+$/, ""),
  ]),
  ...String(PEM)
    .split("\n")
    .filter((line) => line.length > 40),
];

function assertSilent(where: string, text: string): void {
  for (const form of FORMS) {
    const at = text.indexOf(form);
    assert.equal(at, -1, `${where}: ${text.slice(Math.max(0, at - 400), at + 100)}`);
  }
}

/** The failures of SSE and GitHub, and of sinks when `thorough` is off. The others are slow, or test the HTTP client of all kinds. */
const FEW = ["200", "401", "404", "500", "302", "hang-up", "not-http", "bad-gzip", "refused", "tls"];

/** The failures of the sources that poll. */
const POLLED = ["401", "500", "hang-up", "not-http", "200", "bad-gzip"];

/** The other failures: the host and the port of the receiver cannot be used. */
const unreachable = (closed: number, open: number) => ({
  refused: `http://127.0.0.1:${closed}`,
  dns: "http://canary-host.invalid",
  tls: `https://127.0.0.1:${open}`,
});

describeOnDevBroker("secrets stay secret: while every kind of failure happens", function () {
  this.timeout(120_000);
  const broker = useBroker();
  let gateways = 0;

  it("sinks, sources and webhooks show no secret", async () => {
    const topic = await broker.topic();
    const [echo, postgres, closed] = [
      await startEchoingServer(),
      await startEchoingPostgres(),
      await freePort(),
    ];
    const origins: Readonly<Record<string, string>> = {
      ...Object.fromEntries(FAILURES.map((failure) => [failure, `http://127.0.0.1:${echo}/${failure}`])),
      ...unreachable(closed, echo),
    };
    const secret = encodeURIComponent(CANARY);
    /** One adapter per failure; `of` gets a URL without and with secrets in its path and its query. */
    const each = (
      name: string,
      of: (origin: string, url: string) => object,
      failures: readonly string[] = thorough ? Object.keys(origins) : FEW,
    ) =>
      Object.fromEntries(
        failures
          .map((failure) => [failure, origins[failure] ?? ""] as const)
          .map(([failure, origin]) => [
            `${name}-${failure}`,
            of(origin, `${origin}/${PLAIN}/${secret}?token=${secret}&${PLAIN}`),
          ]),
      );
    const common = { topics: [topic], from: "earliest", timeout: "500ms", giveUpAfter: "1ms" };
    const key = Buffer.from(`${PLAIN}${PLAIN}`).toString("base64");
    const headers = {
      authorization: `Bearer ${PLAIN}`,
      "x-api-key": PLAIN,
      cookie: `a=${PLAIN}; b="${PLAIN}"`,
    };
    const webhook = {
      type: "webhook",
      ...common,
      allowAddresses: ["127.0.0.0/8"],
      secrets: [`whsec_${key}`],
      headers,
    };
    const slack = { type: "slack", ...common, text: "'t'", rate: 1000 };
    const sinks = {
      ...each("webhook", (_, url) => ({ ...webhook, url })),
      ...each("slack-url", (_, url) => ({ ...slack, webhookUrl: url })),
      ...each("slack-token", (origin) => ({
        ...slack,
        token: `xoxb-${PLAIN}`,
        channel: "C",
        apiUrl: `${origin}/`,
      })),
      ...Object.fromEntries(
        Object.entries({ ...unreachable(closed, echo), "407": `http://127.0.0.1:${echo}` }).map(
          ([failure, proxy]) => [
            `proxy-${failure}`,
            {
              ...webhook,
              url: `http://receiver.example/?token=${secret}`,
              proxy: proxy.replace("://", `://user:${secret}@`),
            },
          ],
        ),
      ),
    };
    const oauth = { clientId: "c", clientSecret: CANARY };
    const source = { topic: `${topic}.in`, retry: "1s" };
    const { retry: _, ...polled } = { ...source, timeout: "500ms", interval: "1s", id: "id" };
    const database = { type: "postgres", tables: ["public.t"] };
    const sources = {
      ...each(
        "poll",
        (_, url) => ({ type: "http-poll", ...polled, url, headers, method: "POST", body: CANARY }),
        POLLED,
      ),
      ...each(
        "oauth",
        (origin) => ({
          ...{ type: "http-poll", ...polled, url: `http://127.0.0.1:${echo}/200` },
          oauth2: { ...oauth, tokenEndpoint: `${origin}/?key=${secret}`, scope: "s" },
        }),
        POLLED,
      ),
      ...each("sse", (_, url) => ({ type: "sse", ...source, url, headers, idle: "1s" }), FEW),
      ...each(
        "alpha",
        (url) => ({
          type: "alpha-vantage",
          topic,
          apiKey: CANARY + url,
          symbol: "S",
          url,
          callsPerSecond: 1000,
        }),
        POLLED.slice(0, 4),
      ),
      ...each(
        "x",
        (url) => ({
          type: "x",
          topic,
          query: "q",
          bearerToken: PLAIN,
          itemsPerDay: 10,
          url,
          callsPerSecond: 1000,
        }),
        POLLED.slice(0, 4),
      ),
      "pg-password": {
        ...database,
        url: `postgres://user:${secret}@127.0.0.1:${postgres}/d?sslmode=disable`,
      },
      "pg-query": { ...database, url: `postgres://127.0.0.1:${postgres}/d?user=u&password=${secret}` },
      "pg-tls": {
        ...database,
        slot: "s2",
        url: `postgres://user:${secret}@127.0.0.1:${postgres}/d?sslmode=require`,
      },
      "pg-refused": { ...database, url: `postgres://user:${secret}@127.0.0.1:${closed}/d` },
      "pg-dns": { ...database, url: `postgres://user:${secret}@canary-host.invalid/d` },
      "pg-not": { ...database, url: `postgres://user:${secret}@127.0.0.1:${echo}/d` },
      clock: { type: "clock", topic: `${topic}.in`, interval: "1h", value: "1" },
      sample: { type: "sample", topic: `${topic}.in` },
    };
    const recover = { repository: "a/b", hook: 1, interval: "1s" };
    const github = { type: "github", secrets: [CANARY, PLAIN], topic };
    const webhooks = {
      ...each(
        "github",
        (origin) => ({ ...github, recover: { ...recover, token: PLAIN, apiUrl: origin } }),
        FEW,
      ),
      app: {
        ...github,
        recover: { ...recover, app: { id: "1", privateKey: PEM, installation: 1 }, apiUrl: origins["401"] },
      },
    };
    // A kind that is added must be added here.
    const used = (all: object): string[] =>
      [...new Set(Object.values(all).map(({ type }) => type as string))].sort();
    assert.deepEqual(
      [used(webhooks), used(sources), used(sinks)],
      [adapters.webhooks, adapters.sources, adapters.sinks].map(({ kinds }) =>
        kinds.map(({ type }) => type).sort(),
      ),
    );

    await produceWithKafkajs(broker.addresses(), topic, [{ value: "{}" }]);
    const named = (pattern: RegExp) =>
      Object.fromEntries(Object.entries(sources).filter(([name]) => pattern.test(name)));
    // A gateway each: at the start, a source that polls reads the state partitions of all other sources.
    for (const part of [
      { sinks, webhooks },
      ...["^poll", "^oauth", "^alpha", "^x-", "^(sse|pg|clock|sample)"].map((text) => ({
        sources: named(new RegExp(text)),
      })),
    ])
      await assertGatewaySilent(broker.addresses(), topic, part);
    const letters = await readPartition(broker.addresses(), `${topic}.dead-letter`);
    assert.ok(letters.length >= 5, `${letters.length} dead letters`);
    for (const { headers: all } of letters)
      assertSilent("a dead letter", all.map(({ key: name, value }) => `${name}: ${value}`).join("\n"));
  });

  async function assertGatewaySilent(brokers: string[], topic: string, part: object): Promise<void> {
    const gateway = await startWith({
      ...{ ...part, log: { level: "debug" }, http: { auth: { tokens: TOKENS } } },
      kafka: { brokers, createTopics: true, namespace: `ns-${topic}-${gateways++}` },
    });
    const get = async (path: string): Promise<string> => (await fetch(`${gateway.adminUrl}${path}`)).text();
    type Shown = { name: string; state: string; lastError: unknown; failed?: number; delivered?: number }[];
    const states = async (path: string): Promise<Shown> => JSON.parse(await get(path));
    const isSettled = ({ name, lastError, failed = 0, delivered = 0 }: Shown[number]): boolean =>
      lastError !== null ||
      failed + delivered > 0 ||
      ["clock", "sample"].includes(name) ||
      /-200$|-101$/.test(name);
    const missing = async (): Promise<string[]> =>
      [...(await states("/sinks")), ...(await states("/sources"))]
        .filter((each) => !isSettled(each))
        .map(({ name }) => name);
    await until(async () => (await missing()).length === 0, 60_000).catch(async (error: unknown) => {
      throw new Error(`no failure yet: ${await missing()}`, { cause: error });
    });
    for (const path of ["/sinks", "/sources", "/metrics", "/readyz", `/${PLAIN}`].slice(0, 4))
      assertSilent(path, await get(path));
    for (const [path, init] of [
      ["/webhooks/app", { body: "{}", headers: { "x-hub-signature-256": "sha256=00" } }],
      [`/topics/${topic}`, { body: "x", headers: { authorization: "Bearer wrong" } }],
      ["/webhooks/app", { body: "{}" }],
    ] as const) {
      const answer = await fetch(`${gateway.apiUrl}${path}`, { method: "POST", ...init });
      assert.ok([401, 404].includes(answer.status));
      assertSilent(path, await answer.text());
    }
    await gateway.end();
    const log = gateway.stdout();
    assert.match(log, /"level":20.*(source|delivery) failed/);
    assertSilent("the log", log);
    assertSilent("stderr", gateway.stderr());
  }

  for (const [title, sasl, login] of [
    [
      "PLAIN, and repeats the password",
      { mechanism: "plain", username: "user", password: CANARY },
      (sent: Buffer) => ({ errorCode: 58, errorMessage: `${sent} ${sent.toString("base64")}` }),
    ],
    [
      "OAUTHBEARER, and repeats the token in its error",
      { mechanism: "oauthbearer", token: PLAIN },
      (sent: Buffer) => ({ errorCode: 58, errorMessage: `${sent}` }),
    ],
    [
      "OAUTHBEARER, and repeats the token in its challenge",
      { mechanism: "oauthbearer", token: PLAIN },
      (sent: Buffer) => ({ authBytes: Buffer.from(JSON.stringify({ status: `${sent}`, scope: `${sent}` })) }),
    ],
    [
      "SCRAM",
      { mechanism: "scram-sha-256", username: "user", password: CANARY },
      () => ({ authBytes: Buffer.from(`r=x,s=${CANARY},i=1`) }),
    ],
  ] as const)
    it(`a Kafka broker that refuses ${title}`, async () => {
      const double = await startScriptedBroker();
      double.login = login;
      const kafka = { brokers: [double.address], sasl };
      const gateway = await startWith({ kafka, log: { level: "debug" } });
      const ready = async (): Promise<string> => (await fetch(`${gateway.adminUrl}/readyz`)).text();
      await until(async () => /SASL|SCRAM|refused the token|authenticating/i.test(await ready()));
      for (const path of ["/readyz", "/metrics"])
        assertSilent(path, await (await fetch(gateway.adminUrl + path)).text());
      assertSilent(
        "a problem",
        await (await fetch(`${gateway.apiUrl}/topics/t`, { method: "POST", body: "x" })).text(),
      );
      await gateway.end();
      assertSilent("the log", gateway.stdout());
      assertSilent("stderr", gateway.stderr());
    });
});

const TOKENS = { shop: { hash: `sha256:${"0".repeat(64)}`, produce: ["*"] } };
