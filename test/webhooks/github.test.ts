// GitHub's deliveries: real payloads and signatures over HTTP, compared with the records on the broker.

import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import path from "node:path";
import { webhookContract } from "../contract/webhook.ts";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { post } from "../support/http.ts";
import { readPartition } from "../support/read-back.ts";

interface Example {
  readonly name: string;
  readonly examples: readonly unknown[];
}
const examples = createRequire(import.meta.url)("@octokit/webhooks-examples") as {
  default?: Example[];
} & Example[];
const all: readonly Example[] = examples.default ?? examples;
const SECRET = "It's a Secret to Everybody";
const OLD_SECRET = "the one before";
const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

describe("webhooks: github", function () {
  this.timeout(60_000);
  const broker = useBroker();
  let topics: { plain: string; push: string; strict: string };
  before(async () => {
    topics = { plain: await broker.topic(), push: await broker.topic(), strict: await broker.topic() };
    await broker.topic();
  });
  const strictSchema = JSON.stringify({ type: "object", required: ["no_such_member"] });
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({
      kafka: { createTopics: true },
      files: { "strict.json": strictSchema },
      topics: {
        [topics.plain]: { schema: path.resolve("schemas/github.json") },
        [topics.strict]: { schema: "strict.json" },
      },
      webhooks: {
        github: {
          type: "github",
          secrets: [SECRET, OLD_SECRET],
          topic: topics.plain,
          topics: { push: topics.push },
        },
        pinged: { type: "github", secrets: [SECRET], topic: topics.push, ping: true },
        refusing: { type: "github", secrets: [SECRET], topic: topics.strict },
        letters: { type: "github", secrets: [SECRET], topic: topics.strict, onInvalid: "dead-letter" },
      },
    }),
  );

  const sign = (body: string | Buffer, secret = SECRET): string =>
    `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  const form = (payload: string): string => new URLSearchParams({ payload }).toString();
  const deliver = (
    body: string | Buffer,
    { event = "issues", type = JSON_TYPE, signature = sign(body), to = "github" } = {},
  ) =>
    post(gateway(), `/webhooks/${to}`, type, body, {
      "x-github-event": event,
      "x-github-delivery": "d-1",
      "x-github-hook-id": "42",
      ...(signature ? { "x-hub-signature-256": signature } : {}),
    });
  const last = async (topic: string) => (await readPartition(broker.addresses(), topic)).at(-1);

  it("accepts GitHub's own test vector", async () => {
    assert.equal(
      sign("Hello, World!"),
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    );
    assert.equal(
      (await deliver("Hello, World!")).body.error_code,
      40001,
      "verified, and only then found not to be JSON",
    );
  });

  it(`accepts every example payload, as JSON and as form (${all.reduce((sum, { examples: some }) => sum + some.length, 0)} of them)`, async () => {
    for (const { name, examples: some } of all) {
      for (const example of some) {
        const payload = JSON.stringify(example);
        const topic = name === "push" ? topics.push : topics.plain;
        for (const [body, type] of [
          [payload, JSON_TYPE],
          [form(payload), FORM_TYPE],
        ] as const) {
          const answer = await deliver(body, { event: name, type });
          assert.equal(answer.status, 200, `${name}: ${answer.text.slice(0, 300)}`);
          assert.equal(answer.body.produced, name === "ping" ? 0 : 1);
        }
        if (name !== "ping") assert.equal((await last(topic))?.value?.toString(), payload);
      }
    }
  });

  it("keeps the payload byte for byte, with key and headers", async () => {
    const body =
      '{ "action":"opened", "n": 1.0, "repository": {"full_name":"octo/cat","html_url":"https://github.com/octo/cat"} }';
    assert.equal((await deliver(body)).status, 200);
    const record = await last(topics.plain);
    assert.deepEqual([record?.key?.toString(), record?.value?.toString()], ["octo/cat", body]);
    const headers = Object.fromEntries(
      (record?.headers ?? []).map(({ key, value }) => [key, value?.toString()]),
    );
    const { ce_time: time, ...rest } = headers;
    assert.ok(Date.parse(time ?? "") > 0);
    assert.deepEqual(rest, {
      ce_specversion: "1.0",
      ce_id: "d-1",
      ce_type: "com.github.issues.opened",
      ce_source: "https://github.com/octo/cat",
      "content-type": "application/json",
      "x-github-event": "issues",
      "x-github-delivery": "d-1",
      "x-github-hook-id": "42",
    });
  });

  it("takes key and source from the organization if there is no repository, else the defaults", async () => {
    await deliver('{"organization":{"login":"octo","url":"https://api.github.com/orgs/octo"}}');
    let record = await last(topics.plain);
    const source = () => record?.headers.find(({ key }) => key === "ce_source")?.value?.toString();
    assert.deepEqual([record?.key?.toString(), source()], ["octo", "https://api.github.com/orgs/octo"]);
    await deliver('{"zen":"x"}');
    record = await last(topics.plain);
    assert.deepEqual([record?.key, source()], [null, "https://github.com"]);
  });

  it("refuses a missing, wrong, or foreign signature, and writes nothing", async () => {
    const body = '{"action":"opened"}';
    const before = (await readPartition(broker.addresses(), topics.plain)).length;
    for (const signature of [
      "",
      "sha256=00",
      sign(body, "another"),
      sign(`${body} `),
      `sha1=${"0".repeat(40)}`,
      "nonsense",
    ]) {
      const answer = await deliver(body, { signature });
      assert.deepEqual([answer.status, answer.body.error_code], [401, 40101], signature);
      assert.ok(!answer.text.includes(SECRET));
    }
    assert.equal((await deliver(Buffer.from([0xff, 0xfe]))).status, 401);
    assert.equal((await readPartition(broker.addresses(), topics.plain)).length, before);
  });

  it("accepts each of several secrets while they are rotated", async () => {
    const body = '{"action":"rotated"}';
    assert.equal((await deliver(body, { signature: sign(body, OLD_SECRET) })).status, 200);
  });

  it("answers a ping without producing it, or produces it if configured", async () => {
    const ping = '{"zen":"Keep it logically awesome."}';
    assert.deepEqual((await deliver(ping, { event: "ping" })).body, { produced: 0 });
    assert.deepEqual((await deliver(ping, { event: "ping", to: "pinged" })).body, { produced: 1 });
  });

  it("refuses a delivery that is neither JSON nor a form, or has no event", async () => {
    assert.equal((await deliver("{")).status, 400);
    assert.equal((await deliver("{}", { type: "text/plain" })).status, 415);
    assert.equal((await deliver("a=b", { type: FORM_TYPE })).status, 400);
    assert.equal((await deliver("payload=%ff", { type: FORM_TYPE })).status, 400);
    assert.equal((await deliver("{}", { event: "" })).status, 400);
  });

  it("answers 413 to a payload that is too large for Kafka", async () => {
    const answer = await deliver(JSON.stringify({ x: "x".repeat(2_000_000) }));
    assert.deepEqual([answer.status, answer.body.error_code], [413, 41301]);
  });

  it("refuses a payload that violates the schema, and names the violations", async () => {
    const answer = await deliver("{}", { to: "refusing" });
    assert.deepEqual(
      [answer.status, answer.body.error_code, answer.body.errors[0].keyword],
      [422, 42206, "required"],
    );
  });

  it("writes an invalid payload as a dead letter with the reason, if configured", async () => {
    assert.equal((await deliver('{"action":"x"}', { to: "letters" })).status, 200);
    const letter = await last(`${topics.strict}.dead-letter`);
    const headers = Object.fromEntries(
      (letter?.headers ?? []).map(({ key, value }) => [key, value?.toString()]),
    );
    assert.equal(letter?.value?.toString(), '{"action":"x"}');
    assert.equal(headers["__connect.errors.topic"], topics.strict);
    assert.match(headers["__connect.errors.exception.message"] ?? "", /no_such_member/);
    assert.deepEqual(
      [headers["onramp.error.webhook"], headers["onramp.error.attempts"], headers["ce_type"]],
      ["letters", "1", "com.github.issues.x"],
    );
    assert.deepEqual(await readPartition(broker.addresses(), topics.strict), []);
  });
});

webhookContract("github", {
  options: (topic, secrets) => ({ type: "github", secrets, topic }),
  secrets: [SECRET, OLD_SECRET],
  contentType: JSON_TYPE,
  body: '{"action":"opened"}',
  malformed: '{"action":',
  sign: (body, secret) => ({
    "x-github-event": "issues",
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  }),
  signatureHeader: "x-hub-signature-256",
});
