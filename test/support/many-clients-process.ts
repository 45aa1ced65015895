// The process of `ManyClients`: raw connections that count what arrives. It parses no events, so that it uses little CPU
// time.

import net from "node:net";
import { answerWith } from "./asked-process.ts";
import { type ClientCounts, type ClientsQuestion, hrMs, type OpenClients } from "./many-clients.ts";

/** How many connections are opened at once: the backlog of a listener is about 500. */
const AT_ONCE = 200;
const END_OF_EVENT = Buffer.from("\n\n");
const SENT_AT = Buffer.from('"at":');
const LF = 10;

interface Client {
  lastAt: number;
  endsWithLf: boolean;
}

const totals = { opened: 0, open: 0, events: 0, bytes: 0, longestGapMs: 0 };
const clients = new Set<Client>();
let latencies: number[] = [];
// All connections read into one buffer: what arrives is counted before the next read.
const shared = Buffer.alloc(64 * 1024);

answerWith(async ({ open, reset }: ClientsQuestion): Promise<ClientCounts> => {
  if (open) await openAll(open);
  if (reset) {
    Object.assign(totals, { events: 0, bytes: 0, longestGapMs: 0 });
    latencies = [];
  }
  return counts();
});

async function openAll({ url, paths, count, reads = true }: OpenClients): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await openOne(url, paths[next++ % paths.length] ?? "/", reads);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Opens a stream. Resolves when its first bytes have arrived, or when it is connected, if it does not read. */
function openOne(url: string, path: string, reads: boolean): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const client: Client = { lastAt: performance.now(), endsWithLf: false };
    let isFirst = true;
    const take = (size: number): boolean => {
      if (isFirst) {
        if (shared.toString("latin1", 9, 12) !== "200") reject(new Error(shared.toString("latin1", 0, size)));
        isFirst = false;
        resolve();
      }
      count(client, shared.subarray(0, size));
      return true;
    };
    const onread = { buffer: shared, callback: take };
    const socket = net.connect({ host: hostname, port: Number(port), ...(reads ? { onread } : {}) });
    socket.once("connect", () => {
      totals.opened++;
      totals.open++;
      clients.add(client);
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\naccept: text/event-stream\r\n\r\n`);
      if (!reads) {
        socket.pause();
        resolve();
      }
    });
    socket.on("error", reject);
    socket.once("close", () => {
      if (clients.delete(client)) totals.open--;
    });
  });
}

function count(client: Client, bytes: Buffer): void {
  const now = performance.now();
  totals.longestGapMs = Math.max(totals.longestGapMs, now - client.lastAt);
  client.lastAt = now;
  totals.bytes += bytes.length;
  if (client.endsWithLf && bytes[0] === LF) totals.events++;
  client.endsWithLf = bytes[bytes.length - 1] === LF;
  for (let at = bytes.indexOf(END_OF_EVENT); at >= 0; at = bytes.indexOf(END_OF_EVENT, at + 2)) {
    totals.events++;
    if (at + 2 === bytes.length) client.endsWithLf = false;
  }
  measure(bytes);
}

/** Notes how old the records are whose time is complete in these bytes. */
function measure(bytes: Buffer): void {
  const now = hrMs();
  for (let at = bytes.indexOf(SENT_AT); at >= 0; at = bytes.indexOf(SENT_AT, at + SENT_AT.length)) {
    const sent = /^[\d.]+(?=[,}])/.exec(bytes.toString("latin1", at + SENT_AT.length, at + 40))?.[0];
    if (sent !== undefined) latencies.push(now - Number(sent));
  }
}

function counts(): ClientCounts {
  const now = performance.now();
  let { longestGapMs } = totals;
  for (const { lastAt } of clients) longestGapMs = Math.max(longestGapMs, now - lastAt);
  const sorted = Float64Array.from(latencies).sort();
  const quantile = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { ...totals, longestGapMs, p50: quantile(0.5), p99: quantile(0.99) };
}
