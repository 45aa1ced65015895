// Brokers in this process that receive Produce requests. The test reads and answers each request.

import { mock } from "node:test";
import type { Cluster } from "../../src/kafka/client/cluster.ts";
import type { Connection } from "../../src/kafka/client/connection.ts";
import type { TopicMetadata, TopicState } from "../../src/kafka/client/metadata.ts";
import { unknownTopic } from "../../src/kafka/client/problems.ts";
import { encodeResponse, readRequestBody, readRequestHeader } from "../../src/wire/message.ts";
import { type PartitionAnswer, Produce } from "../../src/wire/messages/produce.ts";
import { Reader } from "../../src/wire/reader.ts";
import { type Batch, readBatches, readRecords } from "../../src/wire/record-batch-reader.ts";
import { afterTest } from "./after-test.ts";

const VERSION = 8;

/** The part of a request for one partition. */
export interface SentPart {
  /** `topic/partition`. */
  readonly place: string;
  readonly values: readonly string[];
  readonly batch: Batch;
}

/** A request that waits for its answer. */
export interface SentRequest {
  readonly node: number;
  readonly channel: string;
  readonly parts: readonly SentPart[];
  readonly places: readonly string[];
  /** The time-out in the request, and the time limit for the answer. */
  readonly timeouts: { readonly broker: number; readonly connection: number };
  /** Answers every part as written at offset 50, except those in `answers`; undefined omits a part. */
  answer(
    answers?: Readonly<Record<string, Partial<PartitionAnswer> | undefined>>,
    throttleTimeMs?: number,
  ): Promise<void>;
  /** Fails the request without an answer. */
  fail(error: Error): Promise<void>;
}

/** Waits until everything that is due has happened. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Sets `Date.now()` to 1,000,000 during this test. @returns a function that advances it by milliseconds */
export function stopDate(): (ms: number) => void {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  afterTest(() => mock.timers.reset());
  return (ms) => mock.timers.tick(ms);
}

/** A cluster of these topics. */
export function produceBrokers(...topics: readonly TopicState[]) {
  const requests: SentRequest[] = [];
  const known = new Map(topics.map((topic) => [topic.name, topic]));
  const brokers = {
    /** All requests, in the order in which they were sent. */
    requests,
    topics: known,
    /** The error of every attempt to get a connection. */
    unreachable: undefined as Error | undefined,
    /** What every attempt to get a connection waits for. */
    connecting: undefined as Promise<void> | undefined,
    /** The latest request. */
    get last(): SentRequest {
      const request = requests.at(-1);
      if (!request) throw new Error("no request was sent");
      return request;
    },
    /** The calls of the producer to the metadata and the cluster, in order. */
    asked: [] as string[],
    /** The result of a refresh of a topic. */
    found: new Map<string, TopicState>(),
    /** The answer to the next request for a producer id. */
    producerId: { errorCode: 0, producerId: 7 },
    downForMs: 0,
    metadata: {
      get: (topic: string) => known.get(topic),
      refresh: (names: readonly string[]) => void brokers.asked.push(`refresh ${names}`),
      async resolve(topic: string) {
        brokers.asked.push(`resolve ${topic}`);
        const state = brokers.found.get(topic) ?? known.get(topic);
        if (!state) throw unknownTopic(topic);
        known.set(topic, state);
        return state;
      },
    } as unknown as TopicMetadata,
    cluster: {
      options: { requestTimeoutMs: 5000 },
      get fault() {
        return brokers.downForMs > 0 ? { kind: "unreachable", message: "connection refused" } : undefined;
      },
      get downForMs() {
        return brokers.downForMs;
      },
      async ask() {
        brokers.asked.push("producer id");
        return brokers.producerId;
      },
      async connection(node: number, channel: string): Promise<Connection> {
        await brokers.connecting;
        if (brokers.unreachable) throw brokers.unreachable;
        return connectionTo(node, channel, requests);
      },
    } as unknown as Cluster,
  };
  return brokers;
}

function connectionTo(node: number, channel: string, requests: SentRequest[]): Connection {
  return {
    version: () => 8,
    nextCorrelationId: () => requests.length + 1,
    send: (frame: Buffer, correlationId: number, connection: number) =>
      new Promise<Buffer>((resolve, reject) => {
        const { parts, timeoutMs } = read(frame, correlationId);
        requests.push({
          node,
          channel,
          parts,
          places: parts.map(({ place }) => place),
          timeouts: { broker: timeoutMs, connection },
          async answer(answers = {}, throttleTimeMs = 0) {
            resolve(answerTo(parts, correlationId, answers, throttleTimeMs));
            await turn();
          },
          async fail(error) {
            reject(error);
            await turn();
          },
        });
      }),
  } as unknown as Connection;
}

function read(frame: Buffer, correlationId: number) {
  const reader = new Reader(frame, 4);
  const header = readRequestHeader(reader);
  if (header.correlationId !== correlationId || frame.readInt32BE(0) !== frame.length - 4)
    throw new Error("the frame is not the request that it was sent as");
  const { topics, timeoutMs } = readRequestBody(Produce, VERSION, reader);
  const parts = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition, records }): SentPart => {
      const [batch] = [...readBatches(Buffer.from(records ?? []))];
      if (!batch?.crcValid) throw new Error(`no valid batch for ${name}/${partition}`);
      const values = batch.compression === 0 ? readRecords(batch).map(({ value }) => `${value}`) : [];
      return { place: `${name}/${partition}`, values, batch };
    }),
  );
  return { parts, timeoutMs };
}

function answerTo(
  parts: readonly SentPart[],
  correlationId: number,
  answers: Readonly<Record<string, Partial<PartitionAnswer> | undefined>>,
  throttleTimeMs: number,
): Buffer {
  const topics = parts
    .filter(({ place }) => !(place in answers) || answers[place] !== undefined)
    .map(({ place }) => {
      const [name = "", partition] = place.split("/");
      const given = answers[place] ?? {};
      const answer: PartitionAnswer = {
        partition: Number(partition),
        errorCode: 0,
        baseOffset: given.errorCode ? -1 : 50,
        logAppendTimeMs: -1,
        logStartOffset: 0,
        recordErrors: [],
        errorMessage: null,
        ...given,
      };
      return { name, partitions: [answer] };
    });
  return encodeResponse(Produce, VERSION, correlationId, { topics, throttleTimeMs }).subarray(4);
}
