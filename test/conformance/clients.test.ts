// Other people's clients: kafkajs here, and Debian's kcat where it is installed (`npm run test:kafka` sees to that).

import { strict as assert } from "node:assert";
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import zlib from "node:zlib";
import type kafkajs from "kafkajs";
import type { Connection } from "../../src/kafka/client/connection.ts";
import { FindCoordinator } from "../../src/wire/messages/cluster.ts";
import { Heartbeat, JoinGroup } from "../../src/wire/messages/group.ts";
import { useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { post, V2_TEXT } from "../support/http.ts";
import { until } from "../support/until.ts";

const run = promisify(execFile);
const kcat = spawnSync("kcat", ["-V"]).status === 0;

describe("conformance: kafkajs", () => {
  const broker = useBroker();

  /** A connection to the group's coordinator, once it has loaded the group. */
  async function coordinatorOf(groupId: string): Promise<Connection> {
    const any = await broker.connect();
    for (;;) {
      const { errorCode } = await any.request(FindCoordinator, 2, { key: groupId, keyType: 0 }, 5000);
      const refused = (
        await any.request(
          Heartbeat,
          2,
          { groupId, generationId: 0, memberId: "x", groupInstanceId: null },
          5000,
        )
      ).errorCode;
      if (errorCode === 0 && refused === 25) return any;
    }
  }

  it("produces, plain and idempotent, and its consumer reads all of it", async () => {
    const topic = await broker.topic({ partitions: 2 });
    const kafka = broker.kafkajs();
    for (const idempotent of [false, true]) {
      const producer = kafka.producer({ idempotent, allowAutoTopicCreation: false });
      await producer.connect();
      await producer.send({
        topic,
        messages: [0, 1, 2, 3].map((n) => ({
          key: `k${n}`,
          value: `${idempotent}-${n}`,
          headers: { h: "x" },
        })),
      });
      await producer.disconnect();
    }
    const seen = await consume(kafka, topic, `g-${topic}`, 8);
    assert.deepEqual(seen.sort(), [
      "false-0",
      "false-1",
      "false-2",
      "false-3",
      "true-0",
      "true-1",
      "true-2",
      "true-3",
    ]);
  });

  it("goes on from the committed offset", async () => {
    const topic = await broker.topic();
    const kafka = broker.kafkajs();
    await produce(kafka, topic, ["a", "b"]);
    assert.deepEqual(await consume(kafka, topic, `g-${topic}`, 2), ["a", "b"]);
    await produce(kafka, topic, ["c"]);
    assert.deepEqual(await consume(kafka, topic, `g-${topic}`, 1), ["c"]);
  });

  it("shares partitions between two members, and gives all to the one that stays", async () => {
    const topic = await broker.topic({ partitions: 4 });
    const kafka = broker.kafkajs();
    const owned = new Map<string, number>();
    const join = async (name: string): Promise<kafkajs.Consumer> => {
      const consumer = kafka.consumer({
        groupId: `g-${topic}`,
        sessionTimeout: 6000,
        heartbeatInterval: 300,
        maxWaitTimeInMs: 200,
      });
      consumer.on(
        consumer.events.GROUP_JOIN,
        ({ payload }) => void owned.set(name, payload.memberAssignment[topic]?.length ?? 0),
      );
      await consumer.connect();
      await consumer.subscribe({ topic });
      await consumer.run({ eachMessage: async () => {} });
      return consumer;
    };
    const first = await join("first");
    await until(() => owned.get("first") === 4);
    const second = await join("second");
    await until(() => owned.get("first") === 2 && owned.get("second") === 2);
    await first.disconnect();
    await until(() => owned.get("second") === 4);
    await second.disconnect();
  });

  it("forgets a member whose session expires without a word", async () => {
    const groupId = `g-${await broker.topic()}`;
    const admin = broker.kafkajs().admin();
    await admin.connect();
    const members = async (): Promise<number> =>
      (await admin.describeGroups([groupId])).groups[0]?.members.length ?? 0;
    const silent = await coordinatorOf(groupId);
    const protocols = [{ name: "p", metadata: Buffer.alloc(0) }];
    const joined = await silent.request(
      JoinGroup,
      2,
      {
        groupId,
        sessionTimeoutMs: 1500,
        rebalanceTimeoutMs: 1500,
        memberId: "",
        groupInstanceId: null,
        protocolType: "test",
        protocols,
      },
      5000,
    );
    assert.equal(joined.errorCode, 0);
    assert.equal(await members(), 1);
    await until(async () => (await members()) === 0);
    await admin.disconnect();
  });

  it("lists, describes and deletes groups, and refuses to delete one in use", async () => {
    const topic = await broker.topic();
    const kafka = broker.kafkajs();
    await produce(kafka, topic, ["a"]);
    const admin = kafka.admin();
    await admin.connect();
    const consumer = kafka.consumer({ groupId: `g-${topic}`, maxWaitTimeInMs: 200 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.run({ eachMessage: async () => resolve() }).catch(reject);
    });
    assert.ok((await admin.listGroups()).groups.some(({ groupId }) => groupId === `g-${topic}`));
    await assert.rejects(admin.deleteGroups([`g-${topic}`]));
    await consumer.disconnect();
    await admin.deleteGroups([`g-${topic}`]);
    assert.equal((await admin.describeGroups([`g-${topic}`])).groups[0]?.state, "Dead");
    await admin.disconnect();
  });

  it("reads and sets a group's offsets through the admin client", async () => {
    const topic = await broker.topic();
    const admin = broker.kafkajs().admin();
    await admin.connect();
    await produce(broker.kafkajs(), topic, ["a", "b", "c"]);
    await admin.setOffsets({ groupId: `g-${topic}`, topic, partitions: [{ partition: 0, offset: "2" }] });
    const offsets = await admin.fetchOffsets({ groupId: `g-${topic}`, topics: [topic] });
    assert.equal(offsets[0]?.partitions[0]?.offset, "2");
    await admin.disconnect();
  });
});

(kcat ? describe : describe.skip)("conformance: kcat", () => {
  const broker = useBroker();

  it("lists, produces and consumes", async () => {
    const topic = await broker.topic();
    const at = ["-b", broker.addresses().join(",")];
    const { stdout: listing } = await run("kcat", [...at, "-L", "-t", topic]);
    assert.match(listing, new RegExp(`topic "${topic}" with 1 partitions`));
    await feed([...at, "-P", "-t", topic, "-K:", "-H", "h=x"], "k1:one\nk2:two\n");
    const { stdout } = await run("kcat", [
      ...at,
      "-C",
      "-t",
      topic,
      "-e",
      "-q",
      "-o",
      "beginning",
      "-f",
      "%k=%s %h %o\\n",
    ]);
    assert.equal(stdout, "k1=one h=x 0\nk2=two h=x 1\n");
  });

  it("produces idempotently with compression and joins a group", async () => {
    const topic = await broker.topic();
    const at = ["-b", broker.addresses().join(",")];
    await feed([...at, "-P", "-t", topic, "-X", "enable.idempotence=true", "-z", "gzip"], "a\nb\nc\n");
    const { stdout } = await run("kcat", [
      ...at,
      "-q",
      "-e",
      "-X",
      "auto.offset.reset=earliest",
      "-G",
      `g-${topic}`,
      topic,
    ]);
    assert.equal(stdout, "a\nb\nc\n");
  });
});

(kcat ? describe : describe.skip)("conformance: kcat reads what the gateway packs", () => {
  const broker = useBroker();
  const codecs = ["gzip", "snappy", "lz4", ...("zstdCompressSync" in zlib ? ["zstd"] : [])];
  for (const compression of codecs) {
    it(compression, async () => {
      const topic = await broker.topic();
      const gateway = await startTestGateway(broker.addresses(), { kafka: { compression } });
      const values = Array.from({ length: 2000 }, (_, n) => `value ${n} ${"x".repeat(n % 100)}`);
      const { status } = await post(
        gateway,
        `/topics/${topic}`,
        V2_TEXT,
        JSON.stringify({ records: values.map((value) => ({ value })) }),
      );
      assert.equal(status, 200);
      const { stdout } = await run(
        "kcat",
        ["-b", broker.addresses().join(","), "-C", "-t", topic, "-e", "-q"],
        { maxBuffer: 10_000_000 },
      );
      assert.equal(stdout, `${values.join("\n")}\n`);
      await gateway.stop();
    });
  }
});

/** Runs kcat with something on its standard input; the broker may live in this process, so nothing may block. */
async function feed(args: string[], input: string): Promise<void> {
  const child = spawn("kcat", args, { stdio: ["pipe", "ignore", "inherit"] });
  child.stdin.end(input);
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
}

async function produce(kafka: kafkajs.Kafka, topic: string, values: string[]): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

async function consume(
  kafka: kafkajs.Kafka,
  topic: string,
  groupId: string,
  count: number,
): Promise<string[]> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: kafkajs.EachMessagePayload): Promise<void> => {
      seen.push(message.value?.toString() ?? "");
      if (seen.length === count) resolve();
    };
    consumer.run({ eachMessage, autoCommitThreshold: 1 }).catch(reject);
  });
  await consumer.disconnect();
  return seen;
}
