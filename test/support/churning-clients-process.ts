// The process of `ChurningClients`.

import http from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { answerWith } from "./asked-process.ts";
import type { Churn, ChurnCounts } from "./churning-clients.ts";
import { bound } from "./soak.ts";

/** How long a stream may be silent above the interval of its records or heartbeats, in milliseconds. */
const TOLERANCE_MS = bound(2000, 6000);
const RECORD_INTERVAL_MS = 1000;
const CHECK_MS = 250;
const MAX_FAULTS = 20;

/** A stream; it continues the one before it if that has left a position. */
interface Stream {
  readonly key: number;
  lastId: string;
  /** The number of the last record. */
  lastN: number | undefined;
  /** When the last record arrived; and the last event of any kind (milliseconds, `performance.now`). */
  recordAt: number;
  eventAt: number;
}

const counts = { open: 0, opened: 0, resumed: 0, records: 0, heartbeats: 0, faults: [] as string[] };
const streams = new Set<Stream>();

answerWith(({ start }: { readonly start?: Churn }): ChurnCounts => {
  if (start) {
    for (let n = 0; n < start.clients; n++) void visit(start);
    setInterval(() => check(start), CHECK_MS);
  }
  return counts;
});

function fault(text: string): void {
  if (counts.faults.length < MAX_FAULTS) counts.faults.push(text);
}

/** One client: opens one stream after the other. Half of them resume the one before. */
async function visit(churn: Churn): Promise<void> {
  // The clients do not arrive at the same time.
  await delay(Math.random() * churn.stays[0] * 1000);
  let before: Stream | undefined;
  for (;;) {
    const now = performance.now();
    const isResumed = before !== undefined && before.lastId !== "" && Math.random() < 0.5;
    const stream: Stream =
      isResumed && before
        ? { ...before, recordAt: now, eventAt: now }
        : {
            key: Math.floor(Math.random() * churn.keys),
            lastId: "",
            lastN: undefined,
            recordAt: now,
            eventAt: now,
          };
    counts.opened++;
    if (isResumed) counts.resumed++;
    await stay(churn, stream);
    before = stream;
  }
}

/** Opens a stream, and cuts it after a while. */
function stay(churn: Churn, stream: Stream): Promise<void> {
  const [least, most] = churn.stays;
  const headers = stream.lastId === "" ? {} : { "last-event-id": stream.lastId };
  return new Promise((resolve) => {
    let isCut = false;
    const request = http.get(`${churn.url}?key=k${stream.key}`, { agent: false, headers }, (response) => {
      if (response.statusCode !== 200) fault(`status ${response.statusCode}`);
      const parser = createParser({ onEvent: (event) => take(churn, stream, event) });
      response.setEncoding("utf8").on("data", (text: string) => parser.feed(text));
      response.on("error", () => {});
      response.once("close", () => {
        if (!isCut) fault(`the stream of k${stream.key} ended`);
      });
    });
    request.on("error", (error) => {
      if (!isCut) fault(error.message);
    });
    streams.add(stream);
    counts.open++;
    setTimeout(
      () => {
        isCut = true;
        request.destroy();
        streams.delete(stream);
        counts.open--;
        resolve();
      },
      (least + Math.random() * (most - least)) * 1000,
    );
  });
}

interface Event {
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  readonly data: string;
}

function take({ activeKeys }: Churn, stream: Stream, { id, event, data }: Event): void {
  const now = performance.now();
  stream.eventAt = now;
  stream.lastId = id ?? stream.lastId;
  if (event === "position") {
    counts.heartbeats++;
    return;
  }
  if (event !== undefined) return fault(`${event} ${data}`);
  counts.records++;
  stream.recordAt = now;
  const { key, value } = JSON.parse(data) as { key: string; value: { n: number } };
  if (key !== `k${stream.key}`) fault(`a stream of k${stream.key} received a record of ${key}`);
  const expected = stream.lastN === undefined ? value.n : stream.lastN + activeKeys;
  if (value.n !== expected) fault(`k${stream.key}: record ${value.n} arrived instead of ${expected}`);
  stream.lastN = value.n;
}

/** Finds streams that are silent. */
function check({ activeKeys, heartbeatMs }: Churn): void {
  const now = performance.now();
  for (const stream of streams) {
    const isActive = stream.key < activeKeys;
    const silentMs = now - (isActive ? stream.recordAt : stream.eventAt);
    const allowedMs = (isActive ? RECORD_INTERVAL_MS : heartbeatMs) + TOLERANCE_MS;
    if (silentMs <= allowedMs) continue;
    fault(`the stream of k${stream.key} was silent for ${Math.round(silentMs)} ms`);
    stream.recordAt = now;
    stream.eventAt = now;
  }
}
