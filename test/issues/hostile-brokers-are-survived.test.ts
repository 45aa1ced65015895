// A broker that sends hostile frames harms neither the process nor the requests after the fault ends.

import { strict as assert } from "node:assert";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { decodeResponse, encodeResponse } from "../../src/wire/message.ts";
import {
  ApiVersions,
  InitProducerId,
  Metadata,
  type MetadataResponse,
} from "../../src/wire/messages/cluster.ts";
import { type PartitionAnswer, Produce } from "../../src/wire/messages/produce.ts";
import { createTopic, describeIf, onApacheKafka, startDevBroker, thorough } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { type Answer, type Hostile, startHostileBroker } from "../support/hostile-broker.ts";
import { post, untilReady } from "../support/http.ts";
import { bound } from "../support/soak.ts";
import { until } from "../support/until.ts";

const int32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => void bytes.writeInt32BE(value, 4 * index));
  return bytes;
};
const metadata =
  (change: (answer: MetadataResponse) => MetadataResponse) =>
  ({ version, correlationId, bytes }: Answer): Hostile =>
    encodeResponse(
      Metadata,
      version,
      correlationId,
      change(decodeResponse(Metadata, version, bytes.subarray(4))),
    );
type Topic = MetadataResponse["topics"][number];
type Partition = Topic["partitions"][number];
/** Changes the partitions of all topics. */
const partitions = (change: (partition: Partition) => Partition[]) =>
  metadata((answer) => ({
    ...answer,
    topics: answer.topics.map((topic) => ({ ...topic, partitions: topic.partitions.flatMap(change) })),
  }));
const produce =
  (change: (answer: PartitionAnswer) => PartitionAnswer[], throttleTimeMs = 0) =>
  ({ version, correlationId, bytes }: Answer): Hostile => {
    const { topics } = decodeResponse(Produce, version, bytes.subarray(4));
    const changed = topics.map(({ name, partitions: parts }) => ({
      name,
      partitions: parts.flatMap(change),
    }));
    return encodeResponse(Produce, version, correlationId, { topics: changed, throttleTimeMs });
  };
const versions =
  (change: { errorCode?: number; min?: number; max?: number }) =>
  ({ version, correlationId, bytes }: Answer): Hostile => {
    const answer = decodeResponse(ApiVersions, version, bytes.subarray(4));
    const { errorCode = 0, min, max } = change;
    const apiKeys = answer.apiKeys.map((api) => ({
      ...api,
      minVersion: min ?? api.minVersion,
      maxVersion: max ?? api.maxVersion,
    }));
    return encodeResponse(ApiVersions, version, correlationId, { ...answer, errorCode, apiKeys });
  };
/** The answer, with ones in its body. */
const ones = ({ bytes }: Answer): Hostile =>
  Buffer.concat([bytes.subarray(0, 8), Buffer.alloc(bytes.length - 8, 0xff)]);
const twice = ({ bytes }: Answer): Hostile => Buffer.concat([bytes, bytes]);
const framed = (length: number) => (): Hostile => int32(length, 1, 1, 1);
const unasked = (): Hostile => int32(8, 0x7ffffff0, 0);

const [V, M, P, I] = [ApiVersions.key, Metadata.key, Produce.key, InitProducerId.key];
const FAULTS: Readonly<Record<string, readonly [apiKey: number, answer: (answer: Answer) => Hostile]>> = {
  "two answers to ApiVersions in one chunk": [V, twice],
  "no answer to ApiVersions": [V, () => "silence"],
  "a close after ApiVersions": [V, () => "close"],
  "the error 35 to ApiVersions": [V, versions({ errorCode: 35 })],
  "versions whose maximum is below the minimum": [V, versions({ min: 9, max: 3 })],
  "versions of the future alone": [V, versions({ min: 900, max: 999 })],
  "a frame of zero bytes": [M, framed(0)],
  "a frame of a negative length": [M, framed(-1)],
  "a frame of 2^31-1 bytes": [M, framed(2 ** 31 - 1)],
  "a frame over the limit of Metadata": [M, ({ correlationId }) => int32(17 * 2 ** 20, correlationId)],
  "a response without a request": [M, unasked],
  "two answers to Metadata": [M, twice],
  "Metadata of ones": [M, ones],
  "the partition 2^31-1": [M, partitions((each) => [{ ...each, partition: 2 ** 31 - 1 }])],
  "the partition 5,000,000": [M, partitions((each) => [{ ...each, partition: 5_000_000 }])],
  "the partition -1": [M, partitions((each) => [{ ...each, partition: -1 }])],
  "a partition twice": [M, partitions((each) => [each, each])],
  "a leader that is not a broker": [M, partitions((each) => [{ ...each, leader: 77 }])],
  "a broker at port 70000": [
    M,
    metadata((answer) => ({ ...answer, brokers: answer.brokers.map((each) => ({ ...each, port: 70_000 })) })),
  ],
  "a broker without a host": [
    M,
    metadata((answer) => ({ ...answer, brokers: answer.brokers.map((each) => ({ ...each, host: "" })) })),
  ],
  "no broker and no topic": [M, metadata((answer) => ({ ...answer, brokers: [], topics: [] }))],
  "no answer to Metadata": [M, () => "silence"],
  "Produce of ones": [P, ones],
  "the base offset -1 without an error": [P, produce((each) => [{ ...each, baseOffset: -1 }])],
  "the base offset 2^63-1 without an error": [
    P,
    produce((each) => [{ ...each, baseOffset: 2 ** 63 - 1024 }]),
  ],
  "an answer about another partition": [P, produce((each) => [{ ...each, partition: 9 }])],
  "an answer about no partition": [P, produce(() => [])],
  "an invalid record with a negative index": [
    P,
    produce((each) => [{ ...each, errorCode: 87, recordErrors: [{ batchIndex: -1, message: "no" }] }]),
  ],
  "no answer to Produce": [P, () => "silence"],
  "a producer id of -1": [
    I,
    ({ version, correlationId }) =>
      encodeResponse(InitProducerId, version, correlationId, {
        throttleTimeMs: 0,
        errorCode: 0,
        producerId: -1,
        producerEpoch: 0,
      }),
  ],
};

describeIf(thorough && !onApacheKafka, "issue: a hostile broker", () => {
  for (const [title, [apiKey, answer]] of Object.entries(FAULTS))
    it(`${title}: returns no false receipt, and requests succeed soon after the fault ends`, async () => {
      const broker = await startDevBroker();
      const topic = await createTopic([broker.address]);
      const hostile = await startHostileBroker(broker.address);
      hostile.replace = (given) => (given.apiKey === apiKey ? answer(given) : undefined);
      const rss = process.memoryUsage.rss();
      const delays = monitorEventLoopDelay();
      delays.enable();
      const gateway = await startTestGateway([hostile.address], {
        http: { deadline: "300ms" },
        kafka: { requestTimeout: "200ms" },
      });
      const put = (value: string) => post(gateway, `/topics/${topic}`, "text/plain", value);
      await until(async () => {
        const { status } = await put("during");
        assert.ok(status !== 200, "a receipt during the fault");
        return hostile.replaced > 0;
      });
      delays.disable();
      assert.ok(delays.max / 1e6 < bound(100), `the event loop stood still for ${delays.max / 1e6} ms`);
      assert.ok(process.memoryUsage.rss() - rss < 200 * 2 ** 20, "the process grew by more than 200 MB");
      hostile.replace = undefined;
      const began = performance.now();
      await until(async () => (await put("after")).status === 200);
      const took = performance.now() - began;
      assert.ok(took < bound(2000), `${took} ms`);
      console.log(`        recovered after ${Math.round(took)} ms`);
    });

  it("logs a throttle time of 2^31-1 once, and waits at most 30 s", async () => {
    const broker = await startDevBroker();
    const topic = await createTopic([broker.address]);
    const hostile = await startHostileBroker(broker.address);
    const log = keepingLog();
    const gateway = await startTestGateway([hostile.address], { http: { deadline: "300ms" } }, log);
    await untilReady(gateway);
    const throttled = produce((each) => [each], 2 ** 31 - 1);
    hostile.replace = (given) => (given.apiKey === P ? throttled(given) : undefined);
    const put = () => post(gateway, `/topics/${topic}`, "text/plain", "x");
    assert.equal((await put()).status, 200);
    assert.equal((await put()).status, 503);
    const warned = log.lines.filter(({ fields }) => fields["throttleMs"] === 2 ** 31 - 1);
    assert.deepEqual(
      warned.map(({ level, fields }) => [level, fields["waitMs"]]),
      [["warn", 30_000]],
    );
  });
});
