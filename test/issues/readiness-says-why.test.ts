// While Onramp cannot produce, /readyz and the 503 say why and what to do next, and the log says it once per change.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import type { Gateway } from "../../src/app/gateway.ts";
import { describeOnDevBroker, startDevBroker } from "../support/broker.ts";
import { brokerVersions } from "../support/broker-versions.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { kafkaDetail, post, readyStatus, untilReady } from "../support/http.ts";
import { freePort } from "../support/net.ts";
import { startReceiver } from "../support/receiver.ts";
import { startScriptedBroker } from "../support/scripted-broker.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

const METADATA = 3;
const portOf = (address: string): number => Number(address.split(":")[1]);
const PLAIN = { mechanism: "plain", username: "onramp", password: "a-secret" };

describeOnDevBroker("issue: readiness says why", () => {
  const warnings = ({ lines }: ReturnType<typeof keepingLog>) =>
    lines.filter(({ level, event }) => level === "warn" && /kafka|producer id/.test(event));

  /** The cause is on /readyz, in the 503, and in one line of the log. */
  async function says(gateway: Gateway, log: ReturnType<typeof keepingLog>, what: RegExp): Promise<void> {
    await until(async () => what.test(await kafkaDetail(gateway)));
    assert.equal(await readyStatus(gateway), 503);
    await until(async () => what.test((await post(gateway, "/topics/t", undefined, "x")).body.detail));
    assert.deepEqual(
      warnings(log).map(({ fields }) => what.test(String(fields["reason"]))),
      [true],
      JSON.stringify(warnings(log)),
    );
  }

  it("a wrong advertised.listeners: names the bootstrap broker, the advertised address and the cause", async () => {
    const advertisedPort = await freePort();
    const broker = await startDevBroker({ advertisedPort });
    const log = keepingLog();
    const gateway = await startTestGateway([broker.address], {}, log);
    await says(
      gateway,
      log,
      new RegExp(
        `${broker.address} answers.*127.0.0.1:${advertisedPort}.*ECONNREFUSED.*advertised.listeners`,
      ),
    );
  });

  it("a refused login: names the broker, its reason and kafka.sasl, without the password", async () => {
    const broker = await startScriptedBroker();
    broker.login = () => ({ errorCode: 58, errorMessage: "Authentication failed: no such user" });
    const log = keepingLog();
    const gateway = await startTestGateway([broker.address], { kafka: { sasl: PLAIN } }, log);
    await says(gateway, log, /login is refused.*SASL_AUTHENTICATION_FAILED.*no such user.*Check kafka.sasl/);
    const { detail } = (await post(gateway, "/topics/t", undefined, "x")).body;
    assert.match(detail, /^Kafka cannot be used \(the login is refused: .*\); nothing was written/);
    assert.ok(!JSON.stringify(log.lines).includes("a-secret"));
  });

  it("a refused OAUTHBEARER token: reports the status of the challenge, and tries again with backoff", async () => {
    const broker = await startScriptedBroker();
    broker.login = (message) =>
      message.equals(Buffer.from("\x01"))
        ? { errorCode: 58, errorMessage: "the token is invalid" }
        : { authBytes: Buffer.from('{"status":"invalid_token","scope":"kafka"}') };
    const log = keepingLog();
    const sasl = { mechanism: "oauthbearer", token: "a-secret-token" };
    const gateway = await startTestGateway([broker.address], { kafka: { sasl } }, log);
    await until(() => broker.connections >= 4);
    await says(gateway, log, /refused the token.*status invalid_token, scope kafka/);
    assert.ok(!JSON.stringify(log.lines).includes("a-secret-token"));
    const before = broker.connections;
    await delay(1000);
    assert.ok(broker.connections - before <= 3, `${broker.connections - before} attempts in a second`);
  });

  it("a broker that closes the connection right after the login: logged once, tried again with backoff", async () => {
    const broker = await startScriptedBroker();
    const log = keepingLog();
    const gateway = await startTestGateway([broker.address], { kafka: { sasl: PLAIN } }, log);
    await until(() => broker.connections >= 6);
    await says(gateway, log, new RegExp(`${broker.address} closed the connection`));
    const before = broker.connections;
    await delay(1000);
    assert.ok(broker.connections - before <= 5, `${broker.connections - before} attempts in a second`);
  });

  it("a denied producer id: names the ACL, answers 403, and is ready when the ACL is there", async () => {
    const broker = await startDevBroker();
    broker.createTopic("t");
    broker.faults.producerId = () => 31;
    const log = keepingLog();
    const gateway = await startTestGateway([broker.address], {}, log);
    await until(async () => /IdempotentWrite/.test(await kafkaDetail(gateway)));
    assert.equal(await readyStatus(gateway), 503);
    assert.equal((await post(gateway, "/topics/t", undefined, "x")).status, 403);
    assert.equal(warnings(log).length, 1);
    broker.faults.clear();
    await untilReady(gateway);
    assert.equal((await post(gateway, "/topics/t", undefined, "x")).status, 200);
  });

  it("a producer id that Kafka cannot assign now: the 503 has its reason", async () => {
    const broker = await startDevBroker();
    broker.createTopic("t");
    broker.faults.producerId = () => 15;
    const gateway = await startTestGateway([broker.address], { http: { deadline: "300ms" } });
    await until(async () => /COORDINATOR_NOT_AVAILABLE/.test(await kafkaDetail(gateway)));
    const { status, body } = await post(gateway, "/topics/t", undefined, "x");
    assert.equal(status, 503);
    assert.match(body.detail, /15 COORDINATOR_NOT_AVAILABLE/);
  });

  it("a broker that closes idle connections is not an outage: ready, no warning, no 503", async () => {
    const broker = await startDevBroker();
    broker.createTopic("t");
    const log = keepingLog();
    const gateway = await startTestGateway([broker.address], {}, log);
    await untilReady(gateway);
    let checks = 0;
    broker.faults.response = (apiKey) => {
      if (apiKey === METADATA) checks++;
      return undefined;
    };
    for (let n = 0; n < 5; n++) {
      const before = checks;
      broker.disconnect();
      assert.equal(await readyStatus(gateway), 200);
      assert.equal((await post(gateway, "/topics/t", undefined, "x")).status, 200);
      await until(() => checks > before);
      assert.equal(await readyStatus(gateway), 200);
    }
    assert.deepEqual(warnings(log), []);
  });

  it("a token that cannot be obtained: a fault of the login, which names the token endpoint", async () => {
    const broker = await startScriptedBroker();
    const endpoint = await startReceiver();
    endpoint.script = () => ({ status: 401, body: '{"error":"invalid_client"}' });
    const log = keepingLog();
    const client = { tokenEndpoint: endpoint.url, clientId: "onramp", clientSecret: "a-secret" };
    const sasl = { mechanism: "oauthbearer", ...client };
    const gateway = await startTestGateway([broker.address], { kafka: { sasl } }, log);
    await says(gateway, log, /cannot log in.*token endpoint of kafka.sasl.*401.*Check kafka.sasl/);
    assert.ok(!JSON.stringify(log.lines).includes("a-secret"));
  });

  it("a broker that accepts connections and never answers: not ready after two checks", async () => {
    const advertisedPort = await freePort();
    const broker = await startDevBroker({ advertisedPort });
    const proxy = await startTcpProxy(portOf(broker.address), advertisedPort);
    const log = keepingLog();
    const gateway = await startTestGateway(
      [`127.0.0.1:${proxy.port}`],
      { kafka: { requestTimeout: "200ms", connectTimeout: "300ms" } },
      log,
    );
    await untilReady(gateway);
    broker.faults.response = () => ({ kind: "stall" });
    await until(async () => /did not answer/.test(await kafkaDetail(gateway)));
    assert.equal(await readyStatus(gateway), 503);
    assert.equal(warnings(log).length, 1);
    broker.faults.clear();
    await untilReady(gateway);
  });

  it("a broker that never answers Metadata does not matter beside one that does", async () => {
    const broker = await startDevBroker();
    broker.createTopic("t");
    const stuck = await startDevBroker();
    stuck.faults.response = (apiKey) => (apiKey === METADATA ? { kind: "stall" } : undefined);
    const kafka = { requestTimeout: "300ms" };
    const gateway = await startTestGateway([stuck.address, broker.address], { kafka });
    await untilReady(gateway);
    assert.equal((await post(gateway, "/topics/t", undefined, "x")).status, 200);
  });

  it("a bootstrap address that refuses the login does not matter beside brokers that accept it", async () => {
    const broker = await startDevBroker();
    broker.createTopic("t");
    const stranger = await startDevBroker({ versions: brokerVersions("Apache Kafka 4.3", ["Produce"]) });
    const gateway = await startTestGateway([stranger.address, broker.address]);
    await untilReady(gateway);
    assert.equal((await post(gateway, "/topics/t", undefined, "x")).status, 200);
    assert.equal(await readyStatus(gateway), 200);
  });

  it("a producer id that Kafka refuses for good: answered at once, as not written", async () => {
    const broker = await startDevBroker();
    broker.createTopic("t");
    broker.faults.producerId = () => 53;
    const log = keepingLog();
    const gateway = await startTestGateway([broker.address], {}, log);
    await until(async () => /53 TRANSACTIONAL_ID/.test(await kafkaDetail(gateway)));
    const { status, body } = await post(gateway, "/topics/t", undefined, "x");
    assert.deepEqual([status, body.error_code], [500, 50001]);
    assert.match(body.detail, /InitProducerId: 53/);
    assert.equal(warnings(log).length, 1);
  });

  it("an outage is logged once, and its end once", async () => {
    const broker = await startDevBroker();
    const log = keepingLog();
    const gateway = await startTestGateway([broker.address], {}, log);
    await untilReady(gateway);
    await broker.stop();
    await until(async () => (await readyStatus(gateway)) === 503);
    await until(async () => (await post(gateway, "/topics/t", undefined, "x")).status === 503);
    await broker.start();
    await untilReady(gateway);
    const events = log.lines.filter(({ event }) => /^kafka (un)?reachable$/.test(event));
    assert.deepEqual(
      events.map(({ event }) => event),
      ["kafka reachable", "kafka unreachable", "kafka reachable"],
    );
  });

  it("a request after an idle period does not use a connection that a load balancer has dropped silently", async () => {
    const advertisedPort = await freePort();
    const broker = await startDevBroker({ advertisedPort });
    broker.createTopic("t");
    const proxy = await startTcpProxy(portOf(broker.address), advertisedPort);
    const gateway = await startTestGateway([`127.0.0.1:${proxy.port}`], {
      kafka: { connectionMaxIdle: "200ms" },
    });
    await untilReady(gateway);
    assert.equal((await post(gateway, "/topics/t", undefined, "x")).status, 200);
    await delay(300);
    proxy.dropOpenConnections();
    const began = Date.now();
    assert.equal((await post(gateway, "/topics/t", undefined, "y")).status, 200);
    assert.ok(Date.now() - began < 1000, `answered after ${Date.now() - began} ms`);
  });

  it("finds the brokers by the bootstrap name when all of them were replaced while no client posted", async () => {
    const first = await startDevBroker();
    const second = await startDevBroker();
    for (const broker of [first, second]) broker.createTopic("t");
    const name = await startTcpProxy(portOf(first.address));
    const gateway = await startTestGateway([`127.0.0.1:${name.port}`]);
    await untilReady(gateway);
    assert.equal((await post(gateway, "/topics/t", undefined, "x")).status, 200);
    name.target = portOf(second.address);
    await first.stop();
    await until(async () => (await post(gateway, "/topics/t", undefined, "y")).status === 200);
    await untilReady(gateway);
  });
});
