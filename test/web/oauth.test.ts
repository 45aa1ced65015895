// OAuth's client credentials.

import { strict as assert } from "node:assert";
import "../../src/kafka/admin/kafkajs-repairs.ts";
import { clientCredentials } from "../../src/web/oauth.ts";
import { startTestGateway } from "../support/gateway.ts";
import { setProxies, startProxy } from "../support/proxy.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { startScriptedBroker } from "../support/scripted-broker.ts";
import { until } from "../support/until.ts";

describe("web: OAuth", function () {
  this.timeout(40_000);
  let endpoint: Receiver;
  beforeEach(async () => {
    setProxies({});
    endpoint = await startReceiver();
    endpoint.script = ({ headers }) => ({
      status: headers.authorization?.startsWith("Basic ") ? 200 : 401,
      body: JSON.stringify({ access_token: `t-${endpoint.arrived.length + 1}`, expires_in: 3600 }),
    });
  });
  const options = () => ({
    ...{ owner: "kafka.sasl", tokenEndpoint: `${endpoint.url}/token`, clientId: "id" },
    ...{ clientSecret: "very-secret", scope: "kafka" },
  });

  it("fetches a token once, also for concurrent callers, and keeps it", async () => {
    const tokens = clientCredentials(options());
    assert.deepEqual(await Promise.all([tokens.get(), tokens.get()]), ["t-1", "t-1"]);
    assert.deepEqual([await tokens.get(), endpoint.arrived.length], ["t-1", 1]);
  });

  it("requests a new token after a refusal, at most once in ten seconds", async () => {
    let now = 1000;
    const tokens = clientCredentials(options(), () => now);
    assert.equal(await tokens.get(), "t-1");
    now += 9999;
    assert.equal(await tokens.get(), "t-1");
    tokens.drop("t-0");
    now += 1;
    assert.equal(await tokens.get(), "t-1");
    now -= 1;
    tokens.drop("t-1");
    assert.equal(await tokens.get(), "t-1");
    now += 1;
    assert.deepEqual(await Promise.all([tokens.get(), tokens.get()]), ["t-2", "t-2"]);
    tokens.drop("t-1");
    tokens.drop("t-2");
    assert.deepEqual([await tokens.get(), endpoint.arrived.length], ["t-2", 2]);
  });

  it("requests a new token when a broker refuses the cached one", async () => {
    const broker = await startScriptedBroker();
    broker.login = (message) =>
      message.includes("Bearer t-1\x01") ? { authBytes: Buffer.from('{"status":"invalid_token"}') } : {};
    const { owner: _, ...sasl } = options();
    await startTestGateway([broker.address], { kafka: { sasl: { mechanism: "oauthbearer", ...sasl } } });
    await until(() => broker.messages.some((message) => message.includes("Bearer t-2\x01")), 30_000);
    assert.equal(endpoint.arrived.length, 2);
  });

  const fails = (change: object, expected: RegExp) =>
    assert.rejects(clientCredentials({ ...options(), ...change }).get(), (error: Error) => {
      assert.doesNotMatch(error.message, /very-secret|pr0xy-secret/);
      assert.match(error.message, expected);
      return true;
    });

  it("names the token endpoint and the next step in each error, without a secret", async () => {
    endpoint.script = () => ({ status: 200, body: "{}" });
    await fails(
      {},
      /^the token endpoint of kafka\.sasl answered without an access_token: check .*tokenEndpoint/,
    );
    endpoint.script = () => ({ status: 401, body: '{"error":"invalid_client: id very-secret"}' });
    await fails(
      {},
      /^the token endpoint of kafka\.sasl answered 401: .*invalid_client.* Check kafka\.sasl\.clientId/,
    );
    endpoint.script = () => ({ status: 503 });
    await fails({}, /^the token endpoint of kafka\.sasl answered 503\. Check kafka\.sasl\.tokenEndpoint/);
    await fails(
      { tokenEndpoint: "http://127.0.0.1:1" },
      /cannot be reached: ECONNREFUSED\. Check kafka\.sasl\.tokenE/,
    );
    await fails(
      { tokenEndpoint: "nonsense" },
      /^the token endpoint of kafka\.sasl is not a valid URL: correct/,
    );
    await fails(
      { tokenEndpoint: "ftp://x" },
      /^the token endpoint of kafka\.sasl is not a valid URL: correct/,
    );
    setProxies({ HTTP_PROXY: "socks5://u:pr0xy-secret@p:1" });
    await fails(
      {},
      /^the token endpoint of kafka\.sasl cannot be requested: HTTP_PROXY, .* must be the http or https URL/,
    );
    const proxy = await startProxy();
    proxy.script = () => 407;
    setProxies({ HTTP_PROXY: proxy.url });
    await fails(
      {},
      /^the token endpoint of kafka\.sasl cannot be reached: the proxy answered CONNECT with 407; set/,
    );
  });
});
