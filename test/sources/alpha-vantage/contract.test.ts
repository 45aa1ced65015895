// The source `alpha-vantage` keeps the contract of sources, on a clock on which a minute takes a tenth of a second.

import { createHash } from "node:crypto";
import { type Clock, systemClock } from "../../../src/core/time.ts";
import { sourceContract } from "../../contract/source.ts";
import { useApi } from "../../support/api-double.ts";
import { describeIf, thorough } from "../../support/broker.ts";

const FASTER = 600;
const MINUTE = 60_000;
const began = Date.now();
const clock: Clock = {
  now: () => began + (Date.now() - began) * FASTER,
  sleep: (ms, signal) => systemClock.sleep(ms / FASTER, signal),
};
/** The time before the first bar of the current test, and the topic of that test. */
let first = 0;
let current = "";
const localTime = (time: number): string => new Date(time).toISOString().slice(0, 19).replace("T", " ");

describeIf(thorough, "sources: alpha-vantage", () => {
  const prices = { "1. open": "1.0", "2. high": "1.0", "3. low": "1.0", "4. close": "1.0", "5. volume": "1" };
  const api = useApi(() => ({
    body: {
      "Meta Data": { "6. Time Zone": "UTC" },
      "Time Series (1min)": Object.fromEntries(
        Array.from({ length: 3000 }, (_, n) => [localTime(first + (n + 1) * MINUTE), prices]),
      ),
    },
  }));
  const optionsFor = (topic: string) => ({
    type: "alpha-vantage",
    topic,
    url: api().url,
    symbol: "IBM",
    apiKey: "key",
    delayHours: 0,
    callsPerDay: 100_000,
    callsPerSecond: 1000,
  });
  sourceContract("alpha-vantage", {
    options: (topic) => {
      if (topic !== current) first = Math.floor(clock.now() / MINUTE) * MINUTE;
      current = topic;
      return optionsFor(topic);
    },
    group: `alpha-vantage:${createHash("sha256").update("key").digest("hex").slice(0, 12)}`,
    clock,
    numberIn: ({ value }) => (JSON.parse(String(value)).timestamp * 1000 - first) / MINUTE,
  });
});
