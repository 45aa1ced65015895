// The error of a failed delivery quotes the response of the receiver: in the last error, in the log and in the dead letter.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { post, sinkState } from "../support/http.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";
import { startRawServer } from "../support/raw-server.ts";
import { headersOf, readPartition } from "../support/read-back.ts";
import { type Receiver, type Reply, startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

const PORTAL = "<html><body>Please log in to <b>Cafe Wi-Fi</b></body></html>";
const POSTED = '{"ok":true,"ts":"1.1"}';

describe("errors quote the receiver", function () {
  this.timeout(30_000);
  const broker = useBroker();
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
  });

  async function start(sink: object) {
    const topic = await broker.topic();
    const log = keepingLog();
    const gateway = await startTestGateway(
      broker.addresses(),
      {
        kafka: { createTopics: true, namespace: `ns-${topic}` },
        sinks: { out: { topics: [topic], from: "earliest", ...sink } },
      },
      log,
      hurryingClock(),
    );
    const put = (value = "{}") => post(gateway, `/topics/${topic}`, "application/json", value);
    const state = () => sinkState(gateway);
    const letters = () => readPartition(broker.addresses(), `${topic}.dead-letter`);
    /** Puts one record, and returns the reason of its dead letter when the log has it as well. */
    const reason = async (): Promise<string> => {
      await put();
      await until(async () => (await state()).deadLettered === 1);
      const found = headersOf((await letters())[0])["__connect.errors.exception.message"] ?? "";
      const { lastError } = await state();
      assert.equal(lastError.message, found);
      assert.ok(log.lines.some(({ level, fields }) => level === "warn" && fields["reason"] === found));
      return found;
    };
    return { put, state, letters, reason, log };
  }
  const incoming = () => ({
    type: "slack",
    webhookUrl: `${receiver.url}/services/T0/B0/SECRET`,
    text: "'t'",
  });
  const bot = () => ({
    ...{ type: "slack", token: "xoxb-SECRET", channel: "C1", apiUrl: `${receiver.url}/api/` },
    ...{ text: "'t'", rate: 1000 },
  });
  const answer = (reply: Reply): void => {
    receiver.script = () => reply;
  };

  it("Slack's invalid_blocks, with the block and the reason", async () => {
    const message = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]";
    const body = {
      ...{ ok: false, error: "invalid_blocks", errors: [message] },
      response_metadata: { messages: [`[ERROR] ${message}`] },
    };
    answer({ status: 200, body: JSON.stringify(body) });
    const { reason } = await start(bot());
    assert.equal(await reason(), `Slack answered invalid_blocks: ${message}`);
  });

  it("the code of an incoming webhook", async () => {
    answer({ status: 400, body: "invalid_blocks" });
    const { reason } = await start(incoming());
    assert.equal(await reason(), "Slack answered 400: invalid_blocks");
  });

  it("missing_scope, with the scope that is needed and those that are provided", async () => {
    const body = { ok: false, error: "missing_scope", needed: "chat:write", provided: "incoming-webhook" };
    answer({ status: 200, body: JSON.stringify(body) });
    const { reason } = await start({ ...bot(), onRevoked: "dead-letter" });
    assert.equal(
      await reason(),
      "Slack answered missing_scope: needed: chat:write; provided: incoming-webhook",
    );
  });

  it("the status and the first 200 bytes of a webhook's answer, without our secrets", async () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    receiver.script = ({ headers, path }) => ({
      status: 422,
      body: `field \u001b[1m"total" of ${path} ${secret} ${headers["x-token"]} ${"y".repeat(500)}`,
    });
    const { reason, log } = await start({
      ...{ type: "webhook", url: `${receiver.url}/hooks/in-SECRET1`, allowAddresses: ["127.0.0.1"] },
      ...{ secrets: [secret], headers: { "x-token": "Bearer SECRET-2" } },
    });
    const said = await reason();
    assert.match(
      said,
      /^the receiver answered 422: field \[1m"total" of \[redacted\] \[redacted\] \[redacted\] y+$/,
    );
    assert.equal(Buffer.byteLength(said), "the receiver answered 422: ".length + 200);
    assert.doesNotMatch(JSON.stringify(log.lines), /SECRET|BwcHBwcH/);
  });

  it("the ordinary words of the URL and of headers that are not secret", async () => {
    const body = '{"error":"orders.customer is required; production webhook rejects application/json"}';
    answer({ status: 400, body });
    const { reason } = await start({
      ...{ type: "webhook", url: `${receiver.url}/orders/webhook`, allowAddresses: ["127.0.0.1"] },
      headers: { "x-env": "production", accept: "application/json" },
    });
    assert.equal(await reason(), `the receiver answered 400: ${body}`);
  });

  it("101, without the user, the password and short keys of the headers in any answer", async () => {
    const sink = { type: "webhook", allowAddresses: ["127.0.0.1"] };
    const url = await startRawServer(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    );
    assert.equal(await (await start({ ...sink, url })).reason(), "the receiver answered 101");
    answer({ status: 401, body: "billing pa55 k3y5" });
    const authorization = `Basic ${Buffer.from("billing:pa55").toString("base64")}`;
    const { reason } = await start({
      ...sink,
      url: receiver.url,
      headers: { authorization, "x-api-key": "k3y5" },
    });
    assert.equal(await reason(), "the receiver answered 401: [redacted] [redacted] [redacted]");
  });

  for (const [title, reply] of [
    ["a login page", { status: 200, headers: { "content-type": "text/html" }, body: PORTAL }],
    ["an empty body", { status: 200 }],
    ["JSON that is not Slack's", { status: 200, body: '{"status":"up"}' }],
    ["a redirect to a login page", { status: 302, headers: { location: "http://login.example/" } }],
    ["511 (login required)", { status: 511, body: PORTAL }],
  ] as const)
    for (const kind of [incoming, bot])
      it(`${title} in place of Slack's answer (${kind.name}) is neither a delivery nor a dead letter`, async () => {
        const fine = kind === incoming ? "ok" : POSTED;
        receiver.script = () => (receiver.arrived.length < 15 ? reply : { status: 200, body: fine });
        const { put, state, log } = await start({ ...kind(), rate: 1000, giveUpAfter: "1s" });
        await put();
        await until(async () => (await state()).delivered === 1);
        assert.deepEqual([(await state()).deadLettered, receiver.arrived.length], [0, 16]);
        const [warning] = log.lines.filter(({ event }) => event === "deliveries fail; Onramp retries them");
        assert.match(String(warning?.fields["reason"]), /Check whether a proxy or a login page/);
      });

  it("ok without JSON from Slack's API is not an answer of Slack", async () => {
    receiver.script = () => ({ status: 200, body: receiver.arrived.length < 3 ? "ok" : POSTED });
    const { put, state } = await start(bot());
    await put();
    await until(async () => (await state()).delivered === 1);
    assert.equal((await state()).deadLettered, 0);
  });

  it("the status of a response whose body is not valid HTTP", async () => {
    answer("bad chunk of a 400");
    const { reason } = await start({
      ...{ type: "webhook", url: receiver.url, allowAddresses: ["127.0.0.1"] },
    });
    assert.match(await reason(), /^the receiver answered 400/);
  });

  it("an answer of Slack with a bad chunk is an answer: the record becomes a dead letter", async () => {
    for (const kind of [incoming, bot]) {
      answer("bad chunk");
      const { reason } = await start({ ...kind(), rate: 1000, giveUpAfter: "1s" });
      assert.match(await reason(), /^Slack answered with a response that is not valid HTTP: HPE_/);
    }
  });

  it("thread_not_found begins a new thread", async () => {
    let ts = 0;
    receiver.script = ({ body }) => {
      const { thread_ts } = Object.fromEntries(new URLSearchParams(body));
      const found = thread_ts !== "1.1";
      return {
        status: 200,
        body: found ? `{"ok":true,"ts":"1.${++ts}"}` : '{"ok":false,"error":"thread_not_found"}',
      };
    };
    const { put, state } = await start({ ...bot(), thread: "pr" });
    for (let n = 0; n < 3; n++) await put('{"pr":"a"}');
    await until(async () => (await state()).delivered === 3);
    const threads = receiver.arrived.map(({ body }) => new URLSearchParams(body).get("thread_ts"));
    assert.deepEqual(threads, [null, "1.1", null, "1.2"]);
    assert.equal((await state()).failed, 0);
  });
});
