// The parts of the report other than requests per second: NDJSON, single modules, latency, memory.

import { execFile } from "node:child_process";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { streamLines } from "../test/support/lines.ts";
import { cpuSeconds, rss } from "../test/support/process.ts";
import { lines, order } from "./bodies.ts";
import { havePerfTest, perfTest } from "./java.ts";
import { overload } from "./overload.ts";
import { median, show, table } from "./report.ts";
import { LOADER, type Server } from "./servers.ts";
import { ackTimes, httpTimes, percentile } from "./times.ts";
import { drive, type Outcome } from "./wrk.ts";

const LINES = 2_000_000;
/** The number of lines per write of the client. */
const BLOCK = 1000;
/** Enough for the perf test to run for some time after its first report. */
const PERF_RECORDS = 12_000_000;

/** Compares NDJSON with Java's perf test, in records per CPU-second. */
export async function ndjsonTable(
  server: Server,
  brokers: readonly string[],
  rounds: number,
): Promise<string> {
  const [ours, theirs]: { perSecond: number; microsPerRecord: number }[][] = [[], []];
  const block = lines(BLOCK);
  await streamLines(`${server.url}/topics/bench`, block, LINES / BLOCK / 5);
  for (let round = 0; round < rounds; round++) {
    const [cpu, began] = [cpuSeconds(server.pid), performance.now()];
    const records = await streamLines(`${server.url}/topics/bench`, block, LINES / BLOCK);
    if (records !== LINES) throw new Error(`${LINES} lines gave ${records} receipts`);
    const perSecond = records / ((performance.now() - began) / 1000);
    ours?.push({ perSecond, microsPerRecord: ((cpuSeconds(server.pid) - cpu) / records) * 1e6 });
    if (havePerfTest) theirs?.push(await perfTest(brokers, "bench", PERF_RECORDS));
  }
  const row = (name: string, samples: typeof ours = []): string[] => [
    name,
    show(median(samples.map((sample) => sample.perSecond))),
    show(median(samples.map((sample) => sample.microsPerRecord)), 2),
  ];
  const ratios = (ours ?? []).map(
    (sample, round) => (theirs?.[round]?.microsPerRecord ?? Number.NaN) / sample.microsPerRecord,
  );
  return table(
    ["", "records/s", "CPU µs/record", "× base per CPU-s", "target"],
    [
      [...row("kafka-producer-perf-test", theirs), "", ""],
      [...row(`NDJSON, ${show(LINES)} lines`, ours), show(median(ratios), 2), "≥ 1"],
      [`resident memory of the gateway ${show(rss(server.pid) / 1024 / 1024)} MB`, "", "", "", ""],
    ],
  );
}

/** Measures the producer without HTTP, and kafkajs's producer with batches. */
export async function moduleTable(brokers: readonly string[], rounds: number): Promise<string> {
  const samples = new Map<string, { perSecond: number; microsPerRecord: number }[]>();
  for (let round = 0; round < rounds; round++) {
    for (const line of await runChild("accumulator.ts", brokers)) {
      const name = `producer alone, ${line["inFlight"]} requests of ${line["size"]}`;
      samples.set(name, [...(samples.get(name) ?? []), line as never]);
    }
    const [kafkajs] = await runChild("kafkajs.ts", brokers);
    const name = "kafkajs's producer, 8 sends of 100";
    samples.set(name, [...(samples.get(name) ?? []), kafkajs as never]);
  }
  const most = (name: string): string =>
    name.startsWith("producer") ? (name.endsWith(" of 1") ? "< 7 µs" : "< 3 µs") : "";
  const rows = [...samples].map(([name, of]) => [
    name,
    show(median(of.map((sample) => sample.perSecond))),
    show(median(of.map((sample) => sample.microsPerRecord)), 2),
    most(name),
  ]);
  return table(["", "records/s", "CPU µs/record", "target"], rows);
}

const WARM_UP_SECONDS = 10;
/** The pause between records that are sent to Kafka directly while the gateway is under load, in milliseconds. */
const PROBE_MS = 2;

/**
 * Compares the latency with that of Kafka's own acknowledgements. At half load, both are measured at the same
 * time, so that they share the machine. On one connection, they are measured one after the other.
 */
export async function latencyTable(
  { gateway: server, bare }: { readonly gateway: Server; readonly bare: Server },
  brokers: readonly string[],
  rounds: number,
  seconds: number,
): Promise<string> {
  const load = { url: `${server.url}/topics/bench`, body: order(), contentType: "application/json", seconds };
  // The code of the broker and of the gateway is compiled while it runs, so the measurement starts after a warm-up.
  await drive({ ...load, connections: 1, seconds: WARM_UP_SECONDS });
  const full = await drive({ ...load, connections: 64, seconds: WARM_UP_SECONDS });
  const rate = full.requests / full.seconds / 2;
  const [half, single, floor]: Compared[][] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    const driven = drive({ ...load, connections: 64, rate });
    const [own, kafka] = await Promise.all([driven, ackTimes(brokers, "bench", driven, PROBE_MS)]);
    half?.push({ own, kafka });
    const during = (): Promise<void> => delay(seconds * 1000);
    const alone = await ackTimes(brokers, "bench", during(), 0);
    for (const [samples, { url }] of [
      [single, server],
      [floor, bare],
    ] as const) {
      const own = await httpTimes(`${url}/topics/bench`, during());
      samples?.push({ own: { p50: percentile(own, 0.5), p99: percentile(own, 0.99) }, kafka: alone });
    }
  }
  const head = ["", "p50 ms", "p99 ms", "Kafka's p50", "Kafka's p99", "p99 above Kafka's", "target"];
  return table(head, [
    [`half load (${show(rate)}/s), 64 connections`, ...compare(half ?? []), "≤ 3 ms"],
    ["one connection", ...compare(single ?? []), "≤ 1 ms"],
    ["bare node:http, one connection", ...compare(floor ?? []), ""],
  ]);
}

interface Compared {
  readonly own: Pick<Outcome, "p50" | "p99">;
  /** The times of Kafka's acknowledgements, sorted. */
  readonly kafka: readonly number[];
}

function compare(samples: readonly Compared[]): string[] {
  const of = (value: (sample: Compared) => number): string => show(median(samples.map(value)), 2);
  return [
    of(({ own }) => own.p50),
    of(({ own }) => own.p99),
    of(({ kafka }) => percentile(kafka, 0.5)),
    of(({ kafka }) => percentile(kafka, 0.99)),
    of(({ own, kafka }) => own.p99 - percentile(kafka, 0.99)),
  ];
}

/** Measures memory while the broker hangs. */
export async function overloadTable(server: Server, pause: () => void, resume: () => void): Promise<string> {
  const { before, most, after, answered } = await overload(server, pause, resume, 10);
  const megabytes = (bytes: number): string => show(bytes / 1024 / 1024);
  const answers = Object.entries(answered)
    .map(([status, count]) => `${show(count)} × ${status}`)
    .join(", ");
  return table(
    ["the broker hangs for 10 s, 1,000 connections", "RSS before, MB", "maximum", "after", "responses"],
    [["", megabytes(before), megabytes(most), megabytes(after), answers]],
  );
}

/** Runs a file of this folder in a process of its own. @returns the lines of JSON that it prints */
export async function runChild(file: string, brokers: readonly string[]): Promise<Record<string, unknown>[]> {
  const script = path.join(import.meta.dirname, file);
  const { stdout } = await promisify(execFile)(process.execPath, [...LOADER, script, "bench", ...brokers]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
