// Sinks behind a proxy: Slack uses the proxies of the environment, a webhook only the proxy of its option.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { post, sinkState } from "../support/http.ts";
import { setProxies, startProxy } from "../support/proxy.ts";
import { startRawServer } from "../support/raw-server.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

describe("sinks use egress proxies", function () {
  this.timeout(30_000);
  const broker = useBroker();
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
    receiver.script = ({ path }) =>
      path.startsWith("/api/")
        ? { status: 200, body: '{"ok":true,"ts":"1.1"}' }
        : { status: 200, body: "ok" };
  });

  async function start(sink: object) {
    const topic = await broker.topic();
    const log = keepingLog();
    const config = {
      kafka: { createTopics: true, namespace: `ns-${topic}` },
      sinks: { out: { topics: [topic], from: "earliest", ...sink } },
    };
    const gateway = await startTestGateway(broker.addresses(), config, log);
    await post(gateway, `/topics/${topic}`, "application/json", "{}");
    return { state: () => sinkState(gateway), log };
  }
  const webhook = (more: object) => ({
    type: "webhook",
    url: `${receiver.url}/`,
    allowAddresses: ["127.0.0.1"],
    ...more,
  });

  it("Slack: the proxy of the environment, for both kinds", async () => {
    const proxy = await startProxy();
    setProxies({ HTTP_PROXY: proxy.url });
    for (const how of [
      { webhookUrl: `${receiver.url}/services/x` },
      { token: "xoxb-1", channel: "C1", apiUrl: `${receiver.url}/api/` },
    ]) {
      const { state } = await start({ type: "slack", text: "'t'", ...how });
      await until(async () => (await state()).delivered === 1);
    }
    assert.ok(proxy.tunnels.length >= 1);
    assert.ok(proxy.tunnels.every(({ target }) => target === `127.0.0.1:${receiver.port}`));
  });

  it("webhooks: no proxy by default", async () => {
    const proxy = await startProxy();
    setProxies({ HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url });
    const { state } = await start(webhook({}));
    await until(async () => (await state()).delivered === 1);
    assert.equal(proxy.tunnels.length, 0);
  });

  it("webhooks: the proxy of the environment with proxy: env, except for NO_PROXY", async () => {
    const proxy = await startProxy();
    setProxies({ HTTP_PROXY: proxy.url });
    const first = await start(webhook({ proxy: "env" }));
    await until(async () => (await first.state()).delivered === 1);
    assert.equal(proxy.tunnels.length, 1);
    setProxies({ HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" });
    const second = await start(webhook({ proxy: "env" }));
    await until(async () => (await second.state()).delivered === 1);
    assert.equal(proxy.tunnels.length, 1);
  });

  it("webhooks: the proxy of the option; the name of the receiver is resolved by the proxy", async () => {
    const proxy = await startProxy();
    proxy.target = `127.0.0.1:${receiver.port}`;
    const url = "http://receiver.invalid/hook";
    const { state, log } = await start({
      type: "webhook",
      url,
      proxy: proxy.url.replace("//", "//u:pr0xy-secret@"),
    });
    await until(async () => (await state()).delivered === 1);
    assert.equal(proxy.tunnels[0]?.target, "receiver.invalid:80");
    assert.doesNotMatch(JSON.stringify(log.lines), /pr0xy-secret/);
  });

  it("a proxy that refuses the tunnel blocks the sink, and nothing is dead-lettered", async () => {
    const proxy = await startProxy();
    proxy.script = () => 407;
    const { state, log } = await start(webhook({ proxy: proxy.url.replace("//", "//u:pr0xy-secret@") }));
    await until(async () => (await state()).state === "blocked");
    const { lastError, deadLettered } = await state();
    assert.match(lastError.message, /the proxy answered CONNECT with 407; set the user name/);
    assert.deepEqual([deadLettered, receiver.arrived.length], [0, 0]);
    assert.doesNotMatch(JSON.stringify([log.lines, await state()]), /pr0xy-secret/);
  });

  it("a proxy that does not answer with HTTP, or closes the connection, is away: the record is tried again", async () => {
    for (const answer of ["nonsense\r\n\r\n", ""]) {
      const { state } = await start(webhook({ proxy: await startRawServer(answer), giveUpAfter: "1s" }));
      await until(async () => (await state()).failed >= 2);
      const { lastError, deadLettered, state: name } = await state();
      assert.match(
        lastError.message,
        /through the proxy: the (answer of the )?proxy .*; check the host and the port/,
      );
      assert.deepEqual([name, deadLettered], ["retrying", 0]);
    }
  });

  it("an invalid block in NO_PROXY is a problem of the configuration", async () => {
    setProxies({ HTTP_PROXY: "http://p:1", NO_PROXY: "10.0.0.0/33" });
    for (const sink of [
      webhook({ proxy: "env" }),
      { type: "slack", text: "'t'", webhookUrl: `${receiver.url}/x` },
    ])
      await assert.rejects(start(sink), /sinks\.out.*NO_PROXY: "10\.0\.0\.0\/33" is not a CIDR block/);
  });

  it("an invalid proxy is a problem of the configuration, and is not quoted", async () => {
    const refuses = (sink: object) =>
      assert.rejects(start(sink), (error: Error) => {
        assert.doesNotMatch(error.message, /pr0xy-secret/);
        return /sinks\.out.*must (be the http or https URL of a proxy|match)/.test(error.message);
      });
    await refuses(webhook({ proxy: "http://u:pr0xy-secret@p:99999" }));
    await refuses(webhook({ proxy: "socks5://u:pr0xy-secret@p:1" }));
    setProxies({ HTTP_PROXY: "http://u:pr0xy-secret@p:99999" });
    await refuses(webhook({ proxy: "env" }));
    await refuses({ type: "slack", text: "'t'", webhookUrl: `${receiver.url}/x` });
  });
});
