// Onramp uses the highest version of each API that both sides support, so that older Kafka and other brokers work. A
// broker without an API that Onramp needs is reported, with what is needed.

import { strict as assert } from "node:assert";
import { afterTest } from "../support/after-test.ts";
import { startOlderKafka } from "../support/apache-kafka/older.ts";
import { createTopic, describeIf, describeOnDevBroker, startDevBroker } from "../support/broker.ts";
import { brokerNames, brokerVersions } from "../support/broker-versions.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { kafkaDetail, NDJSON, post, send, untilReady, V2_JSON } from "../support/http.ts";
import { readValues } from "../support/read-back.ts";
import { startReceiver } from "../support/receiver.ts";
import { startScriptedBroker } from "../support/scripted-broker.ts";
import { soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

describeOnDevBroker("issue: Kafka versions are negotiated", () => {
  for (const name of brokerNames) {
    it(`${name}: produces, reads metadata, and delivers to a sink, also after a restart`, async () => {
      const broker = await startDevBroker({ versions: brokerVersions(name) });
      for (const topic of ["t", "t.dead-letter"]) broker.createTopic(topic);
      await useWholePath(broker.address, "t");
    });
  }

  it("an old Produce response without the index of a bad record fails only the request with that record", async () => {
    const broker = await startDevBroker({ versions: brokerVersions("Redpanda 22", ["DescribeConfigs"]) });
    broker.createTopic("t", 1, { "cleanup.policy": "compact" });
    const gateway = await startTestGateway([broker.address]);
    await untilReady(gateway);
    const answers = await Promise.all([
      post(gateway, "/topics/t?key=a", undefined, "1"),
      post(gateway, "/topics/t", undefined, "2"),
      post(gateway, "/topics/t?key=b", undefined, "3"),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 400, 200],
    );
    assert.deepEqual(await readValues([broker.address], "t"), ["1", "3"]);
  });

  it("a broker without DescribeConfigs has topics with unknown limits, which can be used", async () => {
    const broker = await startDevBroker({
      versions: brokerVersions("Apache Kafka 4.3", ["DescribeConfigs"]),
    });
    broker.createTopic("t");
    const gateway = await startTestGateway([broker.address], { topics: { t: {} } });
    await untilReady(gateway);
    assert.equal((await post(gateway, "/topics/t", undefined, "x")).status, 200);
    assert.deepEqual((await send(gateway, "/topics/t")).body.configs, {});
  });

  it("a login uses the version of SaslAuthenticate that the broker offers", async () => {
    const broker = await startScriptedBroker("Apache Kafka 1.0");
    const sasl = { mechanism: "plain", username: "u", password: "p" };
    await startTestGateway([broker.address], { kafka: { sasl } });
    await until(() => broker.messages.length > 0);
  });

  it("a login on a broker without SaslAuthenticate is reported with what is needed", async () => {
    const broker = await startScriptedBroker("Apache Kafka 0.11");
    const sasl = { mechanism: "plain", username: "u", password: "p" };
    const gateway = await startTestGateway([broker.address], { kafka: { sasl } });
    await until(async () => /only versions 0 to 0 of SaslHandshake/.test(await kafkaDetail(gateway)));
  });

  for (const api of ["Produce", "InitProducerId", "Metadata"] as const) {
    it(`a broker without ${api} is reported with what is needed: not ready, a permanent error, one log line`, async () => {
      const broker = await startDevBroker({ versions: brokerVersions("Apache Kafka 4.3", [api]) });
      broker.createTopic("t");
      const log = keepingLog();
      const gateway = await startTestGateway([broker.address], {}, log);
      const says = new RegExp(
        `${broker.address} offers no version of ${api}.* UNSUPPORTED_VERSION: use Apache Kafka 0.11`,
      );
      await until(async () => says.test(await kafkaDetail(gateway)));
      await until(async () => (await post(gateway, "/topics/t", undefined, "x")).status === 500);
      const { body } = await post(gateway, "/topics/t", undefined, "x");
      assert.equal(body.error_code, 50001);
      assert.match(body.detail, says);
      const lines = log.lines.filter(({ event }) => /lacks an API/.test(event));
      assert.equal(lines.length, 1);
      assert.match(String(lines[0]?.fields["reason"]), says);
    });
  }
});

describeIf(soak, "issue: versions of older Apache Kafka are negotiated", function () {
  this.timeout(300_000);
  for (const version of ["2.8.2", "3.9.1"]) {
    it(`${version}: produces, reads metadata, and delivers to a sink, also after a restart`, async () => {
      const { address: broker, stop } = await startOlderKafka(version);
      afterTest(stop);
      for (const topic of ["t", "t.dead-letter"]) await createTopic([broker], {}, topic);
      await useWholePath(broker, "t");
    });
  }
});

/** Posts in every format, and reads the records with a sink, before and after a restart of the gateway. */
async function useWholePath(broker: string, topic: string): Promise<void> {
  const receiver = await startReceiver();
  const sink = { type: "webhook", url: receiver.url, topics: [topic], from: "earliest" };
  const config = { sinks: { out: { ...sink, allowAddresses: ["127.0.0.1"] } } };
  const first = await startTestGateway([broker], config);
  await untilReady(first);
  assert.equal((await post(first, `/topics/${topic}`, undefined, '"raw"')).status, 200);
  const envelope = JSON.stringify({ records: [{ value: "a" }, { value: "b" }] });
  assert.equal((await post(first, `/topics/${topic}`, V2_JSON, envelope)).status, 200);
  await until(() => receiver.taken.length === 3, 60_000);
  await first.stop();

  const second = await startTestGateway([broker], config);
  await untilReady(second);
  assert.equal((await post(second, `/topics/${topic}`, NDJSON, '"c"\n"d"\n')).status, 200);
  await until(() => receiver.taken.length === 5, 60_000);
  const expected = ['"raw"', '"a"', '"b"', '"c"', '"d"'];
  assert.deepEqual(
    receiver.taken.map(({ body }) => body),
    expected,
  );
  assert.deepEqual((await send(second, `/topics/${topic}/partitions`)).body.length, 1);
  assert.equal((await post(second, "/topics/none", undefined, "x")).status, 404);
}
