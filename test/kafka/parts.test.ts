// The small parts of the produce path: partitions as Java chooses them, identities, addresses, queues, time.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { createRequire } from "node:module";
import { FramePool } from "../../src/kafka/produce/frame-pool.ts";
import "../../src/kafka/admin/kafkajs-repairs.ts";
import net from "node:net";
import type { AcceptedRecord } from "../../src/core/record.ts";
import { Receipts } from "../../src/core/record.ts";
import { parseAddress } from "../../src/kafka/client/cluster.ts";
import { Connection } from "../../src/kafka/client/connection.ts";
import { type BrokerGone, BrokerRefused } from "../../src/kafka/client/errors.ts";
import { LaneIdentity } from "../../src/kafka/produce/lane-identity.ts";
import { murmur2, partitionForKey, StickyPartitioner } from "../../src/kafka/produce/partitioner.ts";
import { sizeOf } from "../../src/kafka/produce/segment.ts";
import { SegmentQueue } from "../../src/kafka/produce/segment-queue.ts";
import { clientCredentials } from "../../src/web/oauth.ts";
import { Metadata } from "../../src/wire/messages/cluster.ts";

describe("kafka: frames", () => {
  it("are used again when they are large enough, and a few are kept", () => {
    const pool = new FramePool();
    const first = pool.take(10_000);
    pool.give(first);
    assert.notEqual(pool.take(20_000), first);
    assert.equal(pool.take(8000), first);
    const given: Buffer[] = Array.from({ length: 6 }, (_, n) => Buffer.alloc(10_000 + n));
    for (const buffer of given) pool.give(buffer);
    assert.deepEqual(Array.from({ length: 4 }, () => given.indexOf(pool.take(5000))).sort(), [2, 3, 4, 5]);
    assert.equal(given.includes(pool.take(5000)), false);
  });
});

describe("kafka: partitioner", () => {
  it("hashes as Kafka's UtilsTest expects", () => {
    const vectors: [string, number][] = [
      ["21", -973932308],
      ["foobar", -790332482],
      ["a-little-bit-long-string", -985981536],
      ["a-little-bit-longer-string", -1486304829],
      ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
      ["abc", 479470107],
    ];
    for (const [key, hash] of vectors) assert.equal(murmur2(Buffer.from(key)), hash, key);
    assert.equal(partitionForKey(Buffer.from("foobar"), 3), 0);
  });

  it("sticks to a partition for 16 KiB, and leaves one that is not healthy", () => {
    const sticky = new StickyPartitioner();
    const first = sticky.choose(8, () => true, 1000);
    for (let n = 0; n < 10; n++)
      assert.equal(
        sticky.choose(8, () => true, 1000),
        first,
      );
    for (let n = 0; n < 50; n++)
      assert.notEqual(
        sticky.choose(8, (partition) => partition !== first, 10),
        first,
      );
    assert.ok(sticky.choose(8, () => false, 10) >= 0);
  });
});

describe("kafka: identity", () => {
  it("wraps the sequence as the broker does, counts epochs, and asks for another id after the last", () => {
    const identity = new LaneIdentity();
    identity.adopt(7, 32766);
    identity.advance(2 ** 31 - 1);
    identity.advance(1);
    assert.deepEqual(identity.current, { producerId: 7, epoch: 32766, sequence: 0 });
    assert.equal(identity.nextEpoch(), undefined);
    assert.equal(identity.nextEpoch(), 7);
    assert.equal(identity.producerId, undefined);
  });
});

describe("kafka: addresses", () => {
  it("reads host:port, a port left out, and IPv6", () => {
    assert.deepEqual(parseAddress("kafka-1:9093"), { host: "kafka-1", port: 9093 });
    assert.deepEqual(parseAddress("kafka-1"), { host: "kafka-1", port: 9092 });
    assert.deepEqual(parseAddress("[::1]:9093"), { host: "::1", port: 9093 });
    assert.throws(() => parseAddress("http://x:1/"));
  });
});

describe("kafka: segment queue", () => {
  const pending = { receipts: new Receipts(0), remaining: 1e9, resolve: () => {} };
  const records = Array.from(
    { length: 10 },
    (_, n) =>
      ({ key: null, value: Buffer.alloc(1000, n), headers: [], timestamp: 0 }) as unknown as AcceptedRecord,
  );
  const segment = (alone = false) => ({
    pending,
    records,
    places: undefined,
    from: 0,
    to: 10,
    size: sizeOf(records, 0, 10),
    deadline: 1000,
    alone,
    answered: false,
  });

  it("hands out what fits, at least one record, and counts bytes back to nothing", () => {
    const queue = new SegmentQueue();
    for (let n = 0; n < 100; n++) queue.push(segment());
    let taken = 0;
    while (!queue.empty) {
      const batch = queue.take(3500);
      taken += batch.reduce((sum, each) => sum + each.to - each.from, 0);
      if (Math.random() < 0.3) {
        queue.giveBack(batch);
        taken -= batch.reduce((sum, each) => sum + each.to - each.from, 0);
      } else queue.release(batch);
    }
    assert.deepEqual([taken, queue.bytes], [1000, 0]);
    queue.push(segment());
    assert.equal(queue.take(1)[0]?.to, 1);
  });

  it("lets a segment travel alone where that is asked for, and fails what is late", () => {
    const queue = new SegmentQueue();
    queue.push(segment(true));
    queue.push(segment());
    assert.equal(queue.take(1e9).length, 1);
    queue.expire(2000, () => new Error("late") as never);
    assert.ok(queue.empty);
  });
});

describe("kafka: connection", () => {
  const servers: net.Server[] = [];
  after(() => servers.forEach((server) => void server.close()));
  async function peer(onData: (socket: net.Socket, chunk: Buffer) => void): Promise<number> {
    const server = net.createServer((socket) =>
      socket.on("data", (chunk: Buffer) => onData(socket, chunk)).on("error", () => {}),
    );
    servers.push(server.listen(0, "127.0.0.1"));
    await once(server, "listening");
    return (server.address() as net.AddressInfo).port;
  }
  const open = (port: number) => Connection.open({ host: "127.0.0.1", port, connectTimeoutMs: 300 });

  it("tells of a port where nothing listens, of one that says nothing, and of one that is no Kafka", async () => {
    await assert.rejects(open(1), (error: BrokerGone) => !error.sent && /cannot connect/.test(error.message));
    await assert.rejects(open(await peer(() => {})), (error: BrokerGone) => error.timedOut);
    await assert.rejects(
      open(await peer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"))),
      /no Kafka response/,
    );
    await assert.rejects(open(await peer((socket) => socket.write(Buffer.alloc(4)))), /no Kafka response/);
    await assert.rejects(
      open(await peer((socket) => socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 99])))),
      /was not sent/,
    );
  });

  it("refuses a version that the broker does not offer, and names the API", async () => {
    const port = await peer((socket, chunk) => {
      const answer = Buffer.alloc(14);
      answer.writeInt32BE(10, 0);
      chunk.copy(answer, 4, 8, 12);
      socket.write(answer);
    });
    const connection = await open(port);
    const body = {
      topics: null,
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    };
    await assert.rejects(
      connection.request(Metadata, 7, body, 100),
      (error) => error instanceof BrokerRefused && /no version of Metadata/.test(error.message),
    );
    connection.close();
    await assert.rejects(connection.send(Buffer.alloc(8), 1, 100), (error: BrokerGone) => !error.sent);
  });
});

describe("kafka: repairs of kafkajs", () => {
  it("an idle request queue sets no timer (it polled every millisecond, and warned on Node 24)", () => {
    const RequestQueue = createRequire(import.meta.url)("kafkajs/src/network/requestQueue/index.js");
    const logger = { namespace: () => ({ debug: () => {} }) };
    const queue = new RequestQueue({
      maxInFlightRequests: null,
      requestTimeout: 1000,
      enforceRequestTimeout: false,
      clientId: "x",
      broker: "x",
      logger,
      isConnected: () => true,
    });
    queue.checkPendingRequests();
    assert.ok(!queue.throttleCheckTimeoutId);
    queue.pending.push({});
    queue.maxInFlight = 0;
    queue.scheduleCheckPendingRequests();
    assert.ok(queue.throttleCheckTimeoutId);
    queue.destroy();
  });
});

describe("kafka: OAuth", () => {
  it("fetches a token once, keeps it, and says nothing of the secret when it fails", async () => {
    let asked = 0;
    let answer: object = { access_token: "t-1", expires_in: 3600 };
    const { createServer } = await import("node:http");
    const server = createServer((req, res) => {
      asked++;
      res.writeHead(req.headers.authorization?.startsWith("Basic ") ? 200 : 401).end(JSON.stringify(answer));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const options = {
      owner: "kafka.sasl",
      tokenEndpoint: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
      clientId: "id",
      clientSecret: "very-secret",
      scope: "kafka",
    };
    const token = clientCredentials(options);
    assert.deepEqual([await token(), await token(), asked], ["t-1", "t-1", 1]);
    answer = {};
    await assert.rejects(
      clientCredentials(options)(),
      (error: Error) => /access_token/.test(error.message) && !error.message.includes("very-secret"),
    );
    server.close();
  });
});
