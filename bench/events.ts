// `npm run bench -- events`: measures streams of events: what an event costs beside bare `res.write`, and how much later than
// with a consumer of Kafka a record arrives.

import { setTimeout as delay } from "node:timers/promises";
import { createTopic } from "../test/support/broker.ts";
import { type ClientCounts, ManyClients } from "../test/support/many-clients.ts";
import { cpuSeconds } from "../test/support/process.ts";
import { RecordRate } from "../test/support/record-rate.ts";
import { eventLatency } from "./events-latency.ts";
import { median, show, table } from "./report.ts";
import { plainGateway, type Server, serve } from "./servers.ts";

const CLIENTS = 1000;
const PARTITIONS = 6;
/** The rates in records per second, and the least acceptable ratio of events per CPU-second (issue 15). */
const RATES = [
  [20, 0.8],
  [500, 4],
] as const;
const WARM_UP_MS = 1500;

/** The measurement of one server in one round. */
interface Sample {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly bytesPerEvent: number;
  /** The age of the records when they arrived, in milliseconds. */
  readonly p99: number;
}

/**
 * @param wanted whether a part is measured: `throughput` or `latency`
 * @param say prints a part of the report
 */
export async function benchEvents(
  brokers: readonly string[],
  rounds: number,
  seconds: number,
  wanted: (part: string) => boolean,
  say: (text: string) => void,
): Promise<void> {
  if (wanted("throughput")) say(`${await throughputTable(brokers, rounds, seconds)}\n`);
  if (wanted("latency")) say(`${await eventLatency(brokers, rounds)}\n`);
}

async function throughputTable(brokers: readonly string[], rounds: number, seconds: number): Promise<string> {
  const topic = await createTopic([...brokers], {
    partitions: PARTITIONS,
    config: { "retention.bytes": "50000000", "segment.bytes": "20000000" },
  });
  const records = await RecordRate.open(brokers, topic, PARTITIONS);
  const [gateway, bare] = [await plainGateway(brokers), await serve("../test/support/bare-events.ts")];
  const [ours, theirs] = [new ManyClients(), new ManyClients()];
  const samples = new Map<string, Sample[]>();
  const add = (name: string, sample: Sample): void =>
    void samples.set(name, [...(samples.get(name) ?? []), sample]);
  try {
    const path = `/topics/${topic}/events`;
    await ours.open({ url: gateway.url, paths: [path], count: CLIENTS });
    await theirs.open({ url: bare.url, paths: ["/"], count: CLIENTS });
    const event = await captureEvent(`${gateway.url}${path}`, records);
    for (let round = 0; round < rounds; round++)
      for (const [rate] of RATES) {
        await write(bare, event, rate);
        add(`bare ${rate}`, await measure(bare.pid, theirs, seconds));
        await write(bare, event, 0);
        records.start(rate);
        add(`gateway ${rate}`, await measure(gateway.pid, ours, seconds));
        await records.stop();
      }
  } finally {
    await records.close();
    await Promise.all([ours.stop(), theirs.stop()]);
    await Promise.all([gateway.stop(), bare.stop()]);
  }
  return report(samples);
}

const write = (bare: Server, event: string, rate: number): Promise<unknown> =>
  fetch(`${bare.url}/?rate=${rate}`, { method: "POST", body: event });

/** Returns the text of an event of the gateway, which the bare server writes. */
async function captureEvent(url: string, records: RecordRate): Promise<string> {
  const response = await fetch(url);
  records.start(20);
  let text = "";
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    const event = /id: [^\n]+\ndata: \{"topic[^\n]+\n\n/.exec(text)?.[0];
    if (event === undefined) continue;
    await records.stop();
    return event;
  }
  throw new Error("the stream ended without a record");
}

async function measure(pid: number | undefined, clients: ManyClients, seconds: number): Promise<Sample> {
  await delay(WARM_UP_MS);
  await clients.reset();
  const [cpu, began] = [cpuSeconds(pid), performance.now()];
  await delay(seconds * 1000);
  const { events, bytes, p99 }: ClientCounts = await clients.counts();
  const [used, took] = [cpuSeconds(pid) - cpu, (performance.now() - began) / 1000];
  return { perSecond: events / took, perCpuSecond: events / used, bytesPerEvent: bytes / events, p99 };
}

function report(samples: ReadonlyMap<string, readonly Sample[]>): string {
  const rows = RATES.flatMap(([rate, least]) => {
    const [bare, gateway] = [samples.get(`bare ${rate}`) ?? [], samples.get(`gateway ${rate}`) ?? []];
    const row = (name: string, of: readonly Sample[]): string[] => [
      `${name}, ${rate} records/s`,
      show(median(of.map(({ perSecond }) => perSecond))),
      show(median(of.map(({ perCpuSecond }) => perCpuSecond))),
      show(median(of.map(({ perCpuSecond }) => 1e6 / perCpuSecond)), 2),
      show(median(of.map(({ bytesPerEvent }) => bytesPerEvent))),
    ];
    const ratios = gateway.map(
      ({ perCpuSecond }, round) => perCpuSecond / (bare[round]?.perCpuSecond ?? Number.NaN),
    );
    const p99 = median(gateway.map((sample) => sample.p99));
    return [
      [...row("bare res.write", bare), "", "", ""],
      [...row("gateway", gateway), show(p99, 1), show(median(ratios), 2), `≥ ${least}`],
    ];
  });
  const head = [`${show(CLIENTS)} clients of one topic`, "events/s", "events/CPU-s", "CPU µs/event"];
  return table([...head, "bytes/event", "p99 age ms", "× base per CPU-s", "target"], rows);
}
