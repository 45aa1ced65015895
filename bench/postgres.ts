// `npm run bench -- postgres`: measures the source kind `postgres` end to end, beside `pg_recvlogical` in the same rounds.

import { randomUUID } from "node:crypto";
import { Database } from "./postgres-database.ts";
import {
  type BenchSource,
  createSourceTopic,
  type Measured,
  measureSource,
  type Place,
  prepareSources,
  slotOf,
} from "./postgres-gateway.ts";
import { commitToReadable, RATE } from "./postgres-latency.ts";
import { median, show, table } from "./report.ts";
import { percentile } from "./times.ts";

const PER_TRANSACTION = 1000;
const MEGABYTE = 1024 * 1024;

/** The samples of one scenario. */
interface Samples {
  /** Rows per second of `pg_recvlogical`, by round; empty when it is not installed. */
  readonly peer: readonly number[];
  readonly gateway: readonly Measured[];
}

/** Measures a backlog, one large transaction, a snapshot and the latency. @param say prints a part of the report */
export async function benchPostgres(
  brokers: readonly string[],
  rounds: number,
  rows: number,
  say: (text: string) => void,
): Promise<void> {
  const database = await Database.start();
  try {
    const namespace = `bench_${randomUUID().slice(0, 8)}`;
    const place = { brokers, url: database.url, namespace };
    const peer = database.hasPeer
      ? "Its pg_recvlogical reads the same changes with pgoutput into a file"
      : "There is no pg_recvlogical beside it: install Debian's postgresql package to compare with it";
    say(`${database.name} with fsync off. ${peer}. ${show(rows)} rows, topics with one partition.\n`);
    const backlog = await stream(database, place, "backlog", { rows, rounds, size: PER_TRANSACTION });
    const whole = await stream(database, place, "whole", { rows, rounds, size: rows });
    const snapshot = await snapshots(database, place, "backlog", { rows, rounds });
    say(`${throughputTable(backlog, whole, { peer: backlog.peer, gateway: snapshot })}\n`);
    say(`${latencyTable(await latency(database, place))}\n`);
  } finally {
    await database.stop();
  }
}

interface Load {
  readonly rows: number;
  readonly rounds: number;
}

/** Inserts rows that no source has read, and reads them once per round, each time with slots of its own. */
async function stream(
  database: Database,
  place: Place,
  name: string,
  { rows, rounds, size }: Load & { readonly size: number },
): Promise<Samples> {
  await database.createTable(name);
  const sources = numbered(
    rounds,
    (n): BenchSource => ({ name: `${name}_${n}`, table: name, snapshot: "never" }),
  );
  await prepareSources(place, sources);
  const slots = database.hasPeer ? numbered(rounds, (n) => `${name}_peer_${n}`) : [];
  for (const slot of slots) await database.createSlot(slot);
  const end = await database.insert(name, rows, size);
  const [peer, gateway]: [number[], Measured[]] = [[], []];
  for (const [round, source] of sources.entries()) {
    const slot = slots[round];
    if (slot !== undefined) {
      peer.push(rows / (await database.receive(slot, name, end, rows)));
      await database.dropSlot(slot);
    }
    gateway.push(await measureSource(place, source, rows));
    await database.dropSlot(slotOf(place, source));
  }
  return { peer, gateway };
}

/** Reads the rows of a table that exists, once per round. */
async function snapshots(
  database: Database,
  place: Place,
  table: string,
  { rows, rounds }: Load,
): Promise<Measured[]> {
  const gateway: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    const source: BenchSource = { name: `snapshot_${round}`, table, snapshot: "initial" };
    await createSourceTopic(place, source);
    gateway.push(await measureSource(place, source, rows));
    await database.dropSlot(slotOf(place, source));
  }
  return gateway;
}

async function latency(database: Database, place: Place): Promise<number[]> {
  await database.createTable("single");
  return commitToReadable(database, place, { name: "single", table: "single", snapshot: "never" });
}

function throughputTable(backlog: Samples, whole: Samples, snapshot: Samples): string {
  const head = [
    "from PostgreSQL into Kafka",
    "rows/s",
    "from the first record",
    "× pg_recvlogical",
    "CPU s/100,000 rows",
    "with the start",
    "most RSS, MB",
    "ms to the first record",
    "with the start",
    "target",
  ];
  return table(head, [
    peerRow("pg_recvlogical, backlog", backlog),
    gatewayRow(
      `backlog, ${show(PER_TRANSACTION)} rows per transaction`,
      backlog,
      "≥ 0.5 ×, ≤ 1.3 s, < 200 MB, < 1 s",
    ),
    peerRow("pg_recvlogical, one transaction", whole),
    gatewayRow("one transaction", whole, "< 200 MB"),
    gatewayRow("snapshot", snapshot, ""),
  ]);
}

const peerRow = (name: string, { peer }: Samples): string[] => [name, spread(peer)];

function gatewayRow(name: string, { peer, gateway }: Samples, target: string): string[] {
  const of = (value: (sample: Measured) => number, digits = 0): string => spread(gateway.map(value), digits);
  const rate = ({ rows, seconds }: Measured): number => rows / seconds;
  return [
    name,
    of(rate),
    of(({ perSecond }) => perSecond),
    spread(
      peer.map((other, round) => rate(gateway[round] as Measured) / other),
      2,
    ),
    of(({ cpu }) => cpu, 2),
    of(({ cpuWithStart }) => cpuWithStart, 2),
    of(({ rss }) => rss / MEGABYTE),
    of(({ firstMs }) => firstMs),
    of(({ firstFromStartMs }) => firstFromStartMs),
    target,
  ];
}

function latencyTable(times: readonly number[]): string {
  const at = (share: number): string => show(percentile(times, share), 1);
  return table(
    ["from COMMIT to a consumer with read_committed", "transactions", "p50 ms", "p99 ms", "most"],
    [[`${RATE} transactions/s of one row`, show(times.length), at(0.5), at(0.99), at(1)]],
  );
}

/** The median, and the range when there are several values. */
function spread(values: readonly number[], digits = 0): string {
  const middle = show(median(values), digits);
  if (values.length < 2) return middle;
  return `${middle} (${show(Math.min(...values), digits)}–${show(Math.max(...values), digits)})`;
}

const numbered = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n));
