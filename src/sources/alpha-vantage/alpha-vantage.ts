// The source kind `alpha-vantage`: prices of stocks and currencies. One call per day reads the bars; each is written when its time
// plus `delayHours` has come.

import { createHash } from "node:crypto";
import { type AdapterContext, adapterKind } from "../../core/adapter.ts";
import { messageOf } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { number, object, oneOf, secret, string, url } from "../../core/options.ts";
import {
  type Batch,
  invalidCursor,
  type ReportProgress,
  type Source,
  type SourceDraft,
  SourceError,
} from "../../core/source.ts";
import { ApiCalls, type ApiRequest } from "../parts/api-calls.ts";
import { callsIn, PacedCalls, type QuotaState } from "../parts/paced-calls.ts";
import { type Bar, barsIn, refusalIn } from "./bars.ts";

interface Cursor extends QuotaState {
  /** The time of the last bar that was written, in seconds since 1970; undefined when there was none. */
  readonly timestamp?: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const TIMEOUT_MS = 60_000;
const MAX_RESPONSE = 25 * 1024 * 1024;
/** The maximum number of bars per batch. */
const MAX_BARS = 1000;

export const alphaVantage = adapterKind({
  type: "alpha-vantage",
  options: object({
    topic: string("The topic of the bars.", { required: true }),
    apiKey: secret("The API key.", { required: true }),
    symbol: string("The symbol of a stock, such as IBM. Either symbol or forex is required."),
    forex: object(
      {
        from: string("The currency that is priced, such as EUR.", { required: true }),
        to: string("The currency of the price, such as USD.", { required: true }),
      },
      { description: "A pair of currencies. Either symbol or forex is required." },
    ),
    interval: oneOf(["1min", "5min", "15min", "30min", "60min"], "The time between two bars.", {
      default: "1min",
    }),
    delayHours: number(
      "The time from a bar to its record, in hours. With 168 (a week), a bar is written on its own weekday.",
      { minimum: 0, maximum: 672, default: 168 },
    ),
    callsPerDay: number("The maximum number of calls in any 24 hours, of all sources with the same key.", {
      type: "integer",
      minimum: 1,
      default: 25,
    }),
    callsPerSecond: number("The maximum number of calls per second, of all sources with the same key.", {
      exclusiveMinimum: 0,
      default: 1,
    }),
    url: url("The URL of the API.", { default: "https://www.alphavantage.co/query" }),
  }),
  create(options, context): Source<Cursor> {
    const { topic, symbol, forex, apiKey, callsPerDay, callsPerSecond, delayHours } = options;
    if ((symbol === undefined) === (forex === undefined))
      throw new Error("exactly one of symbol and forex is required");
    const stepMs = Number.parseInt(options.interval, 10) * 60_000;
    const series = {
      topic,
      key: Buffer.from(symbol ?? `${forex?.from}/${forex?.to}`),
      // A bar is complete at its end.
      delayMs: Math.max(delayHours * HOUR_MS, stepMs),
      stepMs,
      request: requestOf(options),
    };
    const quota = `alpha-vantage:${createHash("sha256").update(apiKey).digest("hex").slice(0, 12)}`;
    const calls = new PacedCalls(context, { callsPerDay, callsPerSecond }, quota);
    const api = new ApiCalls(context, { timeoutMs: TIMEOUT_MS, maxResponse: MAX_RESPONSE });
    return {
      topics: [topic],
      group: quota,
      maxSilenceMs: 2 * TIMEOUT_MS,
      onTakeover: (cursors) => calls.load(cursors),
      carriedOver: callsIn,
      shown: (cursor) => ({ timestamp: (cursor as Cursor | undefined)?.timestamp }),
      async *run(cursor, signal, report): AsyncGenerator<Batch<Cursor>> {
        if (cursor !== undefined && !isCursor(cursor)) throw invalidCursor(context.name);
        const end = calls.start(cursor);
        try {
          yield* produce({ series, calls, api, context }, cursor?.timestamp, signal, report);
        } catch (error) {
          throw calls.sparing(error);
        } finally {
          end();
        }
      },
    };
  },
});

interface Series {
  readonly topic: string;
  readonly key: Buffer;
  readonly delayMs: number;
  readonly stepMs: number;
  readonly request: ApiRequest;
}

interface Deps {
  readonly series: Series;
  readonly calls: PacedCalls;
  readonly api: ApiCalls;
  readonly context: AdapterContext;
}

async function* produce(
  { series, calls, api, context }: Deps,
  start: number | undefined,
  signal: AbortSignal,
  report: ReportProgress,
): AsyncGenerator<Batch<Cursor>, never> {
  const { topic, key, delayMs, stepMs, request } = series;
  const { now, sleep } = context;
  let timestamp = start;
  const cursor = (): Cursor => (timestamp === undefined ? {} : { timestamp });
  const isNew = ({ time }: Bar): boolean => timestamp === undefined || time > timestamp;
  let bars: Bar[] = [];
  // After a restart, a call before the next bar can be due would be wasted.
  let nextCallAt = timestamp === undefined ? 0 : timestamp * 1000 + stepMs + delayMs;
  for (;;) {
    bars = bars.filter(isNew);
    const due = bars.filter(({ time }) => time * 1000 + delayMs <= now()).slice(0, MAX_BARS);
    if (due.length > 0) {
      timestamp = due.at(-1)?.time;
      const drafts = due.map(({ value }): SourceDraft => ({ topic, key, value: Buffer.from(value) }));
      yield { drafts, cursor: { ...cursor(), ...calls.state } };
    } else if (now() >= nextCallAt) {
      yield* calls.reserve(cursor, signal, report);
      const answer = await calls.track(api.fetch(request, signal), report);
      calls.settle(0, report);
      if (answer.status !== 200) throw api.statusError(request, answer);
      const parsed = parse(answer.body);
      const refusal = refusalIn(parsed);
      if (refusal) throw refusal;
      bars = await barsIn(parsed);
      nextCallAt = now() + DAY_MS;
    } else {
      const nextBarAt = bars[0] === undefined ? Number.POSITIVE_INFINITY : bars[0].time * 1000 + delayMs;
      const nextRunAt = Math.min(nextBarAt, nextCallAt);
      report({ nextRunAt });
      await sleep(nextRunAt - now(), signal);
    }
  }
}

interface Request {
  readonly symbol?: string;
  readonly forex?: { readonly from: string; readonly to: string };
  readonly interval: string;
  readonly apiKey: string;
  readonly url: string;
}

function requestOf({ symbol, forex, interval, apiKey, url: base }: Request): ApiRequest {
  const what: Record<string, string> = forex
    ? { function: "FX_INTRADAY", from_symbol: forex.from, to_symbol: forex.to }
    : { function: "TIME_SERIES_INTRADAY", symbol: symbol ?? "" };
  const target = new URL(base);
  for (const [name, value] of Object.entries({ ...what, interval, outputsize: "full", apikey: apiKey }))
    target.searchParams.set(name, value);
  return { url: target, method: "GET", headers: { accept: "application/json" }, body: "" };
}

function parse(body: Buffer): unknown {
  try {
    return parseJson(body, "The answer");
  } catch (error) {
    throw new SourceError(
      "passing",
      `Alpha Vantage answered with a body that cannot be read: ${messageOf(error)}`,
    );
  }
}

const isCursor = (value: unknown): value is Cursor =>
  typeof value === "object" &&
  value !== null &&
  Object.keys(value).every((member) => ["timestamp", "quota", "quotaName"].includes(member)) &&
  ["undefined", "number"].includes(typeof (value as Cursor).timestamp);
