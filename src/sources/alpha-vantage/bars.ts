// Reads the bars of an answer of Alpha Vantage, and the refusals, which all have the status 200.

import { SourceError } from "../../core/source.ts";
import { yieldToEventLoop } from "../../core/time.ts";
import { createZone } from "./zone.ts";

/** The prices of one interval. */
export interface Bar {
  /** Seconds since 1970. */
  readonly time: number;
  /** The record's value, as JSON. */
  readonly value: string;
}

/** How long to wait after a refusal, in milliseconds. */
const TOO_FAST_MS = 60_000;
const DAY_USED_UP_MS = 2 * 3_600_000;
/** A blocked source would otherwise use up the calls of its key, with one call per minute. */
const BLOCKED_MS = 3_600_000;

const REFUSALS: readonly [text: RegExp, refusal: () => SourceError][] = [
  [
    /premium (endpoint|function)/i,
    () => blocked("the endpoint is premium: the key of the source needs a paid plan for it"),
  ],
  [
    /sparingly|per second|per minute|burst/i,
    () =>
      passing(
        "there were too many calls per second or minute; other programs may use the same key",
        TOO_FAST_MS,
      ),
  ],
  [
    /per day|daily/i,
    () => passing("the calls of the day are used up; other programs may use the same key", DAY_USED_UP_MS),
  ],
  [/api ?key/i, () => blocked("the API key is not valid: correct apiKey")],
  [
    /invalid api call/i,
    () => blocked("the request is not valid: check symbol or forex, and whether the API has it"),
  ],
];

const blocked = (why: string): SourceError =>
  new SourceError("blocked", `Alpha Vantage refused the request: ${why}`, { retryAfterMs: BLOCKED_MS });
const passing = (why: string, retryAfterMs: number): SourceError =>
  new SourceError("passing", `Alpha Vantage refused the request: ${why}`, { retryAfterMs });

/**
 * Returns the refusal in an answer. Its text is not quoted, because it contains the key.
 *
 * @param answer the parsed JSON
 */
export function refusalIn(answer: unknown): SourceError | undefined {
  const members = (answer ?? {}) as Readonly<Record<string, unknown>>;
  const text = ["Error Message", "Note", "Information"].map((name) => members[name]).find(Boolean);
  if (text === undefined) return undefined;
  const found = REFUSALS.find(([pattern]) => pattern.test(String(text)));
  return (
    found?.[1]() ??
    passing("for a reason that Onramp does not know; send the request with curl to see it", TOO_FAST_MS)
  );
}

/**
 * Returns the bars, from the oldest to the newest.
 *
 * @throws SourceError for an answer without bars, or with a time zone that is not known
 */
export async function barsIn(answer: unknown): Promise<Bar[]> {
  const members = Object.entries((answer ?? {}) as Readonly<Record<string, unknown>>);
  const series = members.find(([name]) => name.startsWith("Time Series"))?.[1];
  const meta = Object.entries((members.find(([name]) => name === "Meta Data")?.[1] ?? {}) as object);
  const zone = meta.find(([name]) => /time zone/i.test(name))?.[1];
  if (typeof series !== "object" || series === null || typeof zone !== "string")
    throw new SourceError("passing", "the answer of Alpha Vantage has no time series, or no time zone");
  const timeOf = createZone(zone);
  const bars: Bar[] = [];
  for (const [datetime, prices] of Object.entries(series as Readonly<Record<string, object>>)) {
    await yieldToEventLoop();
    const time = timeOf(datetime);
    bars.push({ time, value: JSON.stringify({ ...numbersIn(prices), timestamp: time, datetime }) });
  }
  return bars.sort((a, b) => a.time - b.time);
}

/** `{"1. open": "147.2880", …}` as `{open: 147.288, …}`. Currencies have no volume. */
function numbersIn(prices: object): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(prices).map(([name, text]) => [name.replace(/^\d+\. /, ""), numberIn(String(text))]),
  );
}

/** @returns null for a price that is missing, such as "None" */
const numberIn = (text: string): number | null => {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : null;
};
