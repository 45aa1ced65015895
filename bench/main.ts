// `npm run bench`: compares the gateway with other servers, and prints tables with ratios that were taken in one run.
// Options: -- --kafka --against DIR --peer URL --peer-pid PID --rounds N --seconds N --only TEXT. KAFKA_BROKERS: an existing cluster.
// `npm run bench -- postgres` measures the source kind `postgres` instead, with --kafka --rounds N --rows N;
// `npm run bench -- events` streams of events, with --kafka --rounds N --seconds N --only throughput|latency.

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { createToken } from "../src/core/token.ts";
import { streamLines } from "../test/support/lines.ts";
import { cpuSeconds } from "../test/support/process.ts";
import { type Broker, startBroker } from "./broker.ts";
import { benchEvents } from "./events.ts";
import { latencyTable, moduleTable, ndjsonTable, overloadTable } from "./parts.ts";
import { benchPostgres } from "./postgres.ts";
import { readingTable } from "./reading.ts";
import { cells, perCpu, perSecond, ratio, type Sample, show, table } from "./report.ts";
import { againstScenarios, peerScenarios, type Scenario, scenarios } from "./scenarios.ts";
import { gateway, serve } from "./servers.ts";
import { transactionTable } from "./transaction-table.ts";
import { drive, generator } from "./wrk.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kafka: { type: "boolean", default: false },
    against: { type: "string" },
    peer: { type: "string" },
    "peer-pid": { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "4" },
    only: { type: "string" },
    rows: { type: "string", default: "500000" },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const [part, ...others] = positionals;
if (others.length > 0 || !["postgres", "events", undefined].includes(part))
  throw new Error(`Unknown arguments: ${positionals.join(" ")}. There are: postgres, events`);
if (!existsSync("dist/main.js")) throw new Error("The gateway is not built. Run: npm run build");

const broker = await startBroker(values.kafka, process.env["KAFKA_BROKERS"]);
const wanted = (part: string): boolean => values.only === undefined || part.includes(values.only);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
try {
  say(
    `Broker: ${broker.name}. Load generator: ${generator}. Node.js ${process.version}. Medians of ${rounds} interleaved rounds.\n`,
  );
  if (part === "postgres") await benchPostgres(broker.addresses, rounds, Number(values.rows), say);
  else if (part === "events") await benchEvents(broker.addresses, rounds, seconds, wanted, say);
  else await (values.against === undefined ? bench(broker) : benchAgainst(broker, values.against));
} finally {
  await broker.stop();
}
process.exit(0);

async function bench({ addresses, pause, resume }: Broker): Promise<void> {
  const { token, hash } = createToken();
  const servers = {
    bare: await serve("bare.ts"),
    express: await serve("express.ts"),
    gateway: await gateway(addresses),
    guarded: await gateway(addresses, { hash }),
    token,
  };
  try {
    const peers = values.peer === undefined ? [] : peerScenarios(values.peer, values["peer-pid"]);
    const all = [...scenarios(servers), ...peers];
    const named = all.filter(({ name }) => wanted(name));
    const bases = all.filter(({ name }) => named.some(({ base }) => base === name) && !wanted(name));
    if (named.length > 0) say(`${await loadTable([...bases, ...named])}\n`);
    const { gateway: server } = servers;
    if (wanted("ndjson")) say(`${await ndjsonTable(server, addresses, rounds)}\n`);
    if (wanted("modules")) say(`${await moduleTable(addresses, rounds)}\n`);
    if (wanted("transactions")) say(`${await transactionTable(addresses, rounds)}\n`);
    if (wanted("latency")) say(`${await latencyTable(servers, addresses, rounds, seconds)}\n`);
    if (wanted("reading")) say(`${await readingTable([...addresses], rounds, { "": "." })}\n`);
    if (wanted("overload") && pause && resume) say(`${await overloadTable(server, pause, resume)}\n`);
  } finally {
    const { bare, express, gateway: open, guarded } = servers;
    await Promise.all([bare, express, open, guarded].map((server) => server.stop()));
  }
}

/** Compares this build with that of another checkout, in interleaved rounds. */
async function benchAgainst({ addresses }: Broker, checkout: string): Promise<void> {
  const [here, there] = [await gateway(addresses), await gateway(addresses, undefined, checkout)];
  try {
    const named = againstScenarios(here, there).filter(({ name }) => wanted(name));
    if (named.length > 0) say(`${await loadTable(named)}\n`);
    if (wanted("reading")) say(await readingTable([...addresses], rounds, { ", before": checkout, "": "." }));
  } finally {
    await Promise.all([here.stop(), there.stop()]);
  }
}

async function loadTable(named: readonly Scenario[]): Promise<string> {
  const samples = new Map<string, Sample[]>(named.map(({ name }) => [name, []]));
  for (const scenario of named) await measure(scenario, 2);
  for (let round = 0; round < rounds; round++)
    for (const scenario of named) samples.get(scenario.name)?.push(await measure(scenario, seconds));
  const rows = named.map(({ name, base, wanted: least }) => {
    const own = samples.get(name) ?? [];
    const other = base === undefined ? undefined : samples.get(base);
    const ratios = other ? [perCpu, perSecond].map((value) => show(ratio(own, other, value), 2)) : ["", ""];
    return [name, ...cells(own), ...ratios, least === undefined ? "" : `≥ ${least}`];
  });
  const head = ["", "requests/s", "records/s", "CPU ms/request", "CPU s/1,000 records", "failed"];
  return table([...head, "× base per CPU-s", "× base per s", "target"], rows);
}

async function measure(scenario: Scenario, forSeconds: number): Promise<Sample> {
  const { server, path, records } = scenario;
  const before = server.pid === undefined ? undefined : cpuSeconds(server.pid);
  const url = server.url + path;
  const outcome = await (scenario.lines === undefined
    ? drive({ ...scenario, url, seconds: forSeconds })
    : streamed(url, scenario.body, scenario.lines));
  return {
    requests: outcome.requests,
    records: outcome.requests * records,
    seconds: outcome.seconds,
    cpuSeconds: before === undefined ? undefined : cpuSeconds(server.pid) - before,
    failed: outcome.failed,
  };
}

/** Streams lines, and counts each line as a request. */
async function streamed(url: string, block: string, count: number) {
  const began = performance.now();
  const requests = await streamLines(url, Buffer.from(block), count / 1000);
  return { requests, failed: count - requests, seconds: (performance.now() - began) / 1000 };
}
