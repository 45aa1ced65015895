// The gateway with a source of type postgres, as a process, and what it uses while it writes a number of rows.

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { SourceState } from "../src/core/source-state.ts";
import type { Connection } from "../src/kafka/client/connection.ts";
import { ListOffsets } from "../src/wire/messages/offsets.ts";
import { createTopic, listOffsetsOf, openConnection, withAdmin } from "../test/support/broker.ts";
import { writeConfig } from "../test/support/gateway.ts";
import { cpuSeconds, launch, type Started } from "../test/support/process.ts";
import { leaderOf } from "../test/support/read-back.ts";
import { sourceState } from "../test/support/sources.ts";

/** How often the end of the topic is looked up before and after its first record, in milliseconds. */
const [FIRST_MS, NEXT_MS] = [2, 20];
/** How often the gateway is asked for the state of the source, before and after it runs, in milliseconds. */
const [START_MS, ASK_MS] = [10, 100];
/** The gateway has failed when it commits nothing for this time, in milliseconds. */
const STALL_MS = 120_000;

/** A source of the benchmark: its slot and its topics are named after it. */
export interface BenchSource {
  readonly name: string;
  readonly table: string;
  readonly snapshot: "initial" | "never";
}

/** Where the sources read and write. */
export interface Place {
  readonly brokers: readonly string[];
  /** The URL of PostgreSQL. */
  readonly url: string;
  readonly namespace: string;
}

/** What the gateway used while it wrote all rows of a table. */
export interface Measured {
  readonly rows: number;
  /** From the moment when the source runs to the last record. */
  readonly seconds: number;
  /** Rows per second between the first and the last record. */
  readonly perSecond: number;
  /** CPU-seconds per 100,000 rows from the moment when the source runs, and with the start of the process. */
  readonly cpu: number;
  readonly cpuWithStart: number;
  /** The highest resident memory, in bytes. */
  readonly rss: number;
  /** Milliseconds to the first record: from the moment when the source runs, and from the start of the process. */
  readonly firstMs: number;
  readonly firstFromStartMs: number;
}

const topicOf = ({ namespace }: Place, { name, table }: BenchSource): string =>
  `${namespace}.${name}.public.${table}`;

/** The slot of a source. */
export const slotOf = ({ namespace }: Place, { name }: BenchSource): string => `${namespace}_${name}`;

/** Creates the topic of a source, with one partition. */
export async function createSourceTopic(place: Place, source: BenchSource): Promise<string> {
  const config = { "file.delete.delay.ms": "1000" };
  return createTopic([...place.brokers], { config }, topicOf(place, source));
}

/** Starts a gateway with sources, whose topics exist. */
export function startSources(place: Place, sources: readonly BenchSource[]): Promise<Started> {
  const { brokers, url, namespace } = place;
  const configured = sources.map((source) => {
    const own = { slot: slotOf(place, source), publication: slotOf(place, source) };
    const { name, table, snapshot } = source;
    const topicPrefix = `${namespace}.${name}`;
    return [name, { type: "postgres", url, tables: [`public.${table}`], topicPrefix, ...own, snapshot }];
  });
  const config = writeConfig({
    kafka: { brokers, createTopics: true, namespace },
    http: {},
    sources: Object.fromEntries(configured),
    stop: { drain: "0ms" },
  });
  return launch(["start", "--config", config]);
}

/** Creates the topics and slots of sources: starts a gateway with them, and ends it when all of them run. */
export async function prepareSources(place: Place, sources: readonly BenchSource[]): Promise<void> {
  for (const source of sources) await createSourceTopic(place, source);
  const gateway = await startSources(place, sources);
  try {
    for (const { name } of sources) await untilPrepared(gateway, name);
  } finally {
    await gateway.end();
  }
}

/** Starts a gateway with one source, whose topic exists, and measures it until all rows are committed. */
export async function measureSource(place: Place, source: BenchSource, rows: number): Promise<Measured> {
  const brokers = [...place.brokers];
  const topic = topicOf(place, source);
  const connection = await openConnection(await leaderOf(brokers, topic, 0));
  const spawnedAt = Date.now();
  const gateway = await startSources(place, [source]);
  try {
    const { pid } = gateway.child;
    const { since } = await untilState(gateway, source.name, ({ state }) => state === "running");
    const runsAt = Date.parse(since);
    const cpu = cpuSeconds(pid);
    const [first, last] = await watch(connection, topic, gateway, rows);
    const used = cpuSeconds(pid);
    const per = 100_000 / rows;
    return {
      rows,
      seconds: (last.at - runsAt) / 1000,
      perSecond: (rows - first.end) / ((last.at - first.at) / 1000),
      cpu: (used - cpu) * per,
      cpuWithStart: used * per,
      rss: highestRss(pid),
      firstMs: first.at - runsAt,
      firstFromStartMs: first.at - spawnedAt,
    };
  } finally {
    connection.close();
    await gateway.end();
    await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
  }
}

/** Resolves when a source runs that is new: it commits the position of its slot before it reads. */
export async function untilPrepared(gateway: Started, name: string): Promise<void> {
  await untilState(gateway, name, ({ state, commits }) => state === "running" && commits > 0);
}

async function untilState(
  gateway: Started,
  name: string,
  isWanted: (state: SourceState) => boolean,
): Promise<SourceState> {
  const deadline = Date.now() + STALL_MS;
  for (;;) {
    const state = await sourceState(gateway, name);
    if (isWanted(state)) return state;
    assertHealthy(state, deadline);
    await delay(START_MS);
  }
}

/** The end of the committed records of a topic, and when it was seen, in milliseconds since 1970. */
interface Seen {
  readonly end: number;
  readonly at: number;
}

/**
 * Watches the topic until the gateway has committed this number of records.
 *
 * @returns the first end and the last end that were seen
 */
async function watch(
  connection: Connection,
  topic: string,
  gateway: Started,
  rows: number,
): Promise<readonly [Seen, Seen]> {
  let first: Seen | undefined;
  let last: Seen = { end: 0, at: Date.now() };
  let askAt = Date.now() + ASK_MS;
  for (;;) {
    const end = await committedEnd(connection, topic);
    if (end > last.end) last = { end, at: Date.now() };
    if (end > 0) first ??= last;
    // The offsets of the topic are above the number of records: the commits are in it, too.
    if (Date.now() > askAt && (end >= rows || end === 0)) {
      const state = await sourceState(gateway);
      if (first && state.records >= rows) {
        if (state.records !== rows) throw new Error(`${rows} rows gave ${state.records} records`);
        return [first, last];
      }
      assertHealthy(state, last.at + STALL_MS);
      askAt = Date.now() + ASK_MS;
    }
    if (Date.now() > last.at + STALL_MS) throw new Error(`the gateway stalled after ${end} records`);
    await delay(first ? NEXT_MS : FIRST_MS);
  }
}

/** The last stable offset of a topic's only partition. */
async function committedEnd(connection: Connection, topic: string): Promise<number> {
  const request = { ...listOffsetsOf(topic, -1), isolationLevel: 1 };
  const answer = await connection.request(ListOffsets, 5, request, 10_000);
  const { errorCode, offset } = answer.topics[0]?.partitions[0] ?? {};
  if (errorCode !== 0) throw new Error(`the end of ${topic}: error ${errorCode}`);
  return Number(offset);
}

function assertHealthy({ name, state, lastError }: SourceState, deadline: number): void {
  if (state === "blocked" || state === "backing-off" || Date.now() > deadline)
    throw new Error(`the source ${name} is ${state}: ${lastError?.message}`);
}

function highestRss(pid: number | undefined): number {
  const kilobytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}
