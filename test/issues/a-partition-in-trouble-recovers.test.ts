// A partition in trouble recovers, and delays no other.

import { strict as assert } from "node:assert";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { metric, post, V2_TEXT } from "../support/http.ts";
import { delayProduce } from "../support/produce-faults.ts";
import { readPartition } from "../support/read-back.ts";
import { bound } from "../support/soak.ts";
import { until } from "../support/until.ts";

describeOnDevBroker("issue: a partition in trouble recovers", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const config = { kafka: { requestTimeout: "300ms" }, http: { deadline: "1s" } };

  it("a lane whose records have all expired becomes idle and does not delay the stop", async () => {
    const own = await startTestGateway(broker.addresses(), config);
    const topic = await broker.topic();
    broker.dev().faults.produce = () => ({ append: false, errorCode: 19 });
    assert.equal((await post(own, `/topics/${topic}`, undefined, "x")).body.error_code, 50302);
    broker.dev().faults.clear();
    await until(async () => (await metric(own, "onramp_lanes_backing_off")) === 0);
    const began = Date.now();
    await own.stop();
    assert.ok(Date.now() - began < bound(1000));
  });

  it("a batch that gzip cannot shrink fits into its frame, and delays no other topic", async () => {
    const own = await startTestGateway(broker.addresses(), {
      ...config,
      kafka: { ...config.kafka, compression: "gzip" },
    });
    const topics = [await broker.topic(), await broker.topic()];
    const noise = Buffer.from(Array.from({ length: 400_000 }, () => Math.floor(Math.random() * 256)));
    const answers = await Promise.all([
      post(own, `/topics/${topics[0]}`, undefined, noise),
      post(own, `/topics/${topics[1]}`, undefined, "small ".repeat(100)),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    assert.deepEqual((await readPartition(broker.addresses(), topics[0] as string))[0]?.value, noise);
  });

  it("partitions that do not fit into a request are sent next, even if the others are busy", async () => {
    const own = await startTestGateway(broker.addresses(), { http: { budget: "200MB", deadline: "4s" } });
    const topic = await broker.topic({ partitions: 14 });
    delayProduce(broker.dev(), 100);
    const body = Buffer.alloc(900_000);
    const written = new Array<number>(14).fill(0);
    const end = Date.now() + 4000;
    const worker = async (partition: number): Promise<void> => {
      while (Date.now() < end)
        if ((await post(own, `/topics/${topic}/partitions/${partition}`, undefined, body)).status === 200)
          written[partition] = (written[partition] ?? 0) + 1;
    };
    await Promise.all([...written.keys(), ...written.keys()].map(worker));
    assert.ok(Math.min(...written) * 3 > Math.max(...written), written.join());
  });

  it("a batch limit that was halved grows again after a success", async () => {
    const own = await startTestGateway(broker.addresses(), config);
    const topic = await broker.topic();
    let refusals = 0;
    const sizes: number[] = [];
    const envelope = JSON.stringify({ records: Array.from({ length: 200 }, (_, n) => ({ value: `${n}` })) });
    broker.dev().faults.produce = () => (refusals++ < 5 ? { append: false, errorCode: 10 } : undefined);
    assert.equal((await post(own, `/topics/${topic}`, V2_TEXT, envelope)).status, 200);
    for (let n = 0; n < 10; n++) await post(own, `/topics/${topic}`, V2_TEXT, envelope);
    broker.dev().faults.produce = ({ bytes }) => {
      sizes.push(bytes.readInt32BE(57));
      return undefined;
    };
    await post(own, `/topics/${topic}`, V2_TEXT, envelope);
    assert.deepEqual(sizes, [200]);
  });
});
