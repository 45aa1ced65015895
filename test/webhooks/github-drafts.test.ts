// The verification of a delivery from GitHub, and its record.

import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import { OnrampError } from "../../src/core/errors.ts";
import { systemClock } from "../../src/core/time.ts";
import type { Delivery, Verified } from "../../src/core/webhook.ts";
import { webhookKinds } from "../../src/webhooks/index.ts";
import { keepingLog } from "../support/gateway.ts";

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";
const [github] = webhookKinds;
const context = {
  name: "hook",
  compile: () => assert.fail("GitHub's webhooks have no expressions"),
  now: Date.now,
  sleep: systemClock.sleep,
  shared: <T>(_: string, create: () => T): T => create(),
  namespace: "onramp",
  folder: ".",
  log: keepingLog(),
};
const receiver = (options: object = {}) => {
  assert.ok(github);
  const all = { secrets: ["s1", "s2"], topic: "T", topics: {}, ping: false, onInvalid: "refuse", ...options };
  return github.create(all, context);
};
const sign = (body: string | Buffer, secret = "s1"): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
const delivery = (body: string | Buffer, headers: Delivery["headers"] = {}): Delivery => ({
  headers: { "x-github-event": "issues", "content-type": JSON_TYPE, ...headers },
  body: Buffer.from(body),
  receivedAt: new Date("2026-01-02T03:04:05.678Z"),
});
/** The draft of a delivery that counts as verified. */
async function draftOf(body: string, headers: Delivery["headers"] = {}, options: object = {}) {
  const { topic, drafts } = await receiver(options).draftsOf(delivery(body, headers) as Verified);
  assert.ok(drafts.length <= 1);
  return { topic, draft: drafts[0] };
}
const problem = (code: number, text: RegExp) => (error: unknown) =>
  error instanceof OnrampError && error.code === code && text.test(error.message);

describe("webhooks: a delivery from GitHub", () => {
  it("is answered within GitHub's limit of 10 seconds", () => {
    const { deadlineMs } = receiver();
    assert.ok(deadlineMs >= 5000 && deadlineMs < 10_000);
  });

  it("can go to every configured topic", () => {
    assert.deepEqual(receiver({ topics: { push: "P", fork: "F" } }).topics, ["T", "P", "F"]);
    assert.equal(receiver({ onInvalid: "dead-letter" }).onInvalid, "dead-letter");
  });

  it("is verified by any of the secrets, over the bytes of the body", async () => {
    for (const body of ["{}", '{"né":"ü"}'])
      for (const secret of ["s1", "s2"]) {
        const sent = delivery(body, { "x-hub-signature-256": sign(body, secret) });
        assert.equal((await receiver().verify(sent)).body, sent.body);
      }
  });

  it("is refused if no secret matches the signature, or the body is empty or not UTF-8", async () => {
    const nonText = Buffer.from([0x7b, 0xff, 0x7d]);
    for (const [body, signature] of [
      ["{}", sign("{}", "s3")],
      ["{}", sign("{} ")],
      ["{}", "sha256=00"],
      ["", sign("")],
      [nonText, sign(nonText)],
      [nonText, sign("")],
      // A lenient decoder would convert the same bytes to replacement characters.
      [nonText, sign(nonText.toString("utf8"))],
    ] as const) {
      const sent = delivery(body, { "x-hub-signature-256": signature });
      await assert.rejects(receiver().verify(sent), problem(40101, /X-Hub-Signature-256 does not match/));
    }
    await assert.rejects(receiver().verify(delivery("{}")), problem(40101, /X-Hub-Signature-256 is missing/));
  });

  it("goes to the topic of its event, otherwise to the default topic", async () => {
    const topics = { push: "P" };
    assert.equal((await draftOf("{}", { "x-github-event": "push" }, { topics })).topic, "P");
    assert.equal((await draftOf("{}", { "x-github-event": "issues" }, { topics })).topic, "T");
    assert.equal((await draftOf("{}", { "x-github-event": "toString" }, { topics })).topic, "T");
  });

  it("gives no record if it is a ping, unless pings are configured", async () => {
    const ping = { "x-github-event": "ping", "content-type": "text/plain" };
    const topics = { ping: "P" };
    assert.deepEqual(await draftOf("", ping, { topics }), { topic: "P", draft: undefined });
    const asked = await draftOf("{}", { "x-github-event": "ping" }, { topics, ping: true });
    assert.deepEqual([asked.topic, asked.draft?.value?.toString()], ["P", "{}"]);
  });

  it("has the unchanged body, parsed once, and a key from the repository or the organization", async () => {
    const body = '{ "repository": {"full_name": "octo/cat"}, "organization": {"login": "octo"}, "n": 1.0 }';
    const { draft } = await draftOf(body);
    assert.deepEqual([draft?.value?.toString(), draft?.key?.toString()], [body, "octo/cat"]);
    assert.deepEqual(draft?.parsed, JSON.parse(body));
    assert.equal((await draftOf('{"organization":{"login":"octo"}}')).draft?.key?.toString(), "octo");
    for (const none of [
      "[]",
      "null",
      '"repository"',
      '{"repository":null,"organization":"octo"}',
      '{"repository":{"full_name":""}}',
      '{"repository":{"full_name":7},"organization":{"login":["octo"]}}',
    ])
      assert.equal((await draftOf(none)).draft?.key, null, none);
  });

  it("is decoded if it is a form, which is GitHub's default", async () => {
    const payload = '{"a":"x y&+=%é"}';
    const field = new URLSearchParams({ payload }).toString();
    for (const [body, type] of [
      [field, FORM_TYPE],
      [field, `${FORM_TYPE.toUpperCase()} ; charset=utf-8`],
      [`first=1&${field}&last=2`, FORM_TYPE],
      [`payload=${encodeURIComponent(payload)}`, FORM_TYPE],
    ] as const) {
      const { draft } = await draftOf(body, { "content-type": type });
      assert.equal(draft?.value?.toString(), payload);
      assert.deepEqual(draft?.parsed, { a: "x y&+=%é" });
    }
    const json = await draftOf("{}", { "content-type": "Application/JSON; charset=utf-8" });
    assert.equal(json.draft?.value?.toString(), "{}");
  });

  it("is refused with the reason if it is malformed", async () => {
    const form = { "content-type": FORM_TYPE };
    await assert.rejects(draftOf("x=1&nopayload=2", form), problem(40001, /no field "payload"/));
    await assert.rejects(
      draftOf("payload=%ff", form),
      (error: Error) => problem(40001, /not percent-encoded UTF-8/)(error) && error.cause instanceof URIError,
    );
    await assert.rejects(draftOf("payload=%7B", form), problem(40001, /The payload is not valid JSON/));
    await assert.rejects(draftOf("{", {}), problem(40001, /The payload is not valid JSON/));
    await assert.rejects(draftOf("{}", { "content-type": "text/plain" }), problem(41501, /GitHub sends/));
    await assert.rejects(draftOf("{}", { "content-type": undefined }), problem(41501, /GitHub sends/));
    const joined = (other: string) => draftOf("{}", { "content-type": `application/json, ${other}` });
    await assert.rejects(joined("text/plain"), problem(41501, /several values/));
    assert.equal(`${(await joined("application/json")).draft?.value}`, "{}");
    for (const event of [undefined, "", ["issues", "push"]])
      await assert.rejects(
        async () => draftOf("{}", { "x-github-event": event }),
        problem(40001, /The header X-GitHub-Event is missing/),
      );
  });

  it("has the attributes of a CloudEvent and GitHub's headers", async () => {
    const headers = { "x-github-delivery": "d-1", "x-github-hook-id": "42" };
    const body =
      '{"action":"opened","repository":{"html_url":"https://github.com/o/c"},"organization":{"url":"https://o"}}';
    const named = async (text: string, sent: Delivery["headers"] = {}) =>
      (await draftOf(text, sent)).draft?.headers.map(({ key, value }) => `${key}=${value}`);
    assert.deepEqual(await named(body, headers), [
      "ce_specversion=1.0",
      "ce_id=d-1",
      "ce_type=com.github.issues.opened",
      "ce_source=https://github.com/o/c",
      "ce_time=2026-01-02T03:04:05.678Z",
      "content-type=application/json",
      "x-github-event=issues",
      "x-github-delivery=d-1",
      "x-github-hook-id=42",
    ]);
    assert.deepEqual(await named('{"organization":{"url":"https://o"}}'), [
      "ce_specversion=1.0",
      "ce_type=com.github.issues",
      "ce_source=https://o",
      "ce_time=2026-01-02T03:04:05.678Z",
      "content-type=application/json",
      "x-github-event=issues",
    ]);
    assert.ok((await named("{}"))?.includes("ce_source=https://github.com"));
  });

  it("requires at least one secret and a topic; other options have defaults", () => {
    assert.ok(github);
    const { properties, required } = github.options.schema as {
      properties: Record<string, Record<string, unknown>>;
      required: string[];
    };
    assert.deepEqual(required.sort(), ["secrets", "topic"]);
    assert.equal(properties["secrets"]?.["minItems"], 1);
    assert.deepEqual(
      ["topics", "ping", "onInvalid"].map((name) => properties[name]?.["default"]),
      [{}, false, "refuse"],
    );
    assert.deepEqual(properties["onInvalid"]?.["enum"], ["refuse", "dead-letter"]);
  });

  it("is refused if UTF-8 cannot represent its key or a header: different names could become one", async () => {
    for (const payload of [
      '{"repository":{"full_name":"\\ud800"}}',
      '{"organization":{"login":"\\udc00"}}',
      '{"action":"\\ud800"}',
    ])
      await assert.rejects(draftOf(payload), problem(40001, /contains an unpaired surrogate/), payload);
    assert.equal((await draftOf('{"repository":{"full_name":"😀"}}')).draft?.key?.toString(), "😀");
  });
});
