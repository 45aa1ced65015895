// The source `alpha-vantage`.

import { strict as assert } from "node:assert";
import { alphaVantage } from "../../../src/sources/alpha-vantage/alpha-vantage.ts";
import { createZone } from "../../../src/sources/alpha-vantage/zone.ts";
import { type ApiScript, startApi } from "../../support/api-double.ts";
import { runSource, sharedObjects } from "../../support/source-run.ts";

const HOUR = 3_600_000;
const KEY = "SECRETKEY123";

/** The bars of an answer, in the shape that the API has. */
const stock = (bars: Readonly<Record<string, number>>, interval = "1min") => ({
  "Meta Data": {
    "1. Information": `Intraday (${interval}) open, high, low, close prices and volume`,
    "2. Symbol": "IBM",
    "6. Time Zone": "US/Eastern",
  },
  [`Time Series (${interval})`]: Object.fromEntries(
    Object.entries(bars).map(([time, open]) => [
      time,
      {
        "1. open": open.toFixed(4),
        "2. high": "147.3700",
        "3. low": "147.1200",
        "4. close": "147.3500",
        "5. volume": "660905",
      },
    ]),
  ),
});

const run = (url: string, options: object = {}, more: Parameters<typeof runSource>[2] = {}) =>
  runSource(
    alphaVantage,
    { topic: "t", symbol: "IBM", apiKey: KEY, url, ...options },
    { skip: 5000, ...more },
  );

describe("sources: alpha-vantage", () => {
  it("writes each bar when its time plus the delay has come, with the symbol as key", async () => {
    const api = await startApi(() => ({
      body: stock({ "2021-08-20 12:01:00": 147.4, "2021-08-20 12:00:00": 147.288 }),
    }));
    const source = run(api.url, { delayHours: 24 });
    source.now = Date.parse("2021-08-21T16:00:00Z");
    const [draft] = await source.step();
    assert.equal(
      String(draft?.value),
      '{"open":147.288,"high":147.37,"low":147.12,"close":147.35,"volume":660905,"timestamp":1629475200,"datetime":"2021-08-20 12:00:00"}',
    );
    assert.deepEqual([String(draft?.key), draft?.timestamp], ["IBM", undefined]);
    assert.equal(source.progress.nextRunAt, Date.parse("2021-08-21T16:01:00Z"));
    const [second] = await source.step();
    assert.equal(JSON.parse(String(second?.value)).open, 147.4);
    assert.equal(api.calls.length, 1);
    const { searchParams } = api.calls[0]?.url ?? new URL(api.url);
    assert.deepEqual(
      [searchParams.get("function"), searchParams.get("symbol"), searchParams.get("outputsize")],
      ["TIME_SERIES_INTRADAY", "IBM", "full"],
    );
    await source.step();
    assert.equal(api.calls.length, 2, "one call per day");
  });

  it("converts local times on the days on which daylight saving starts and ends in New York", () => {
    const timeOf = createZone("US/Eastern");
    const utc = (local: string) => new Date(timeOf(local) * 1000).toISOString();
    assert.equal(utc("2026-03-08 01:59:00"), "2026-03-08T06:59:00.000Z");
    assert.equal(utc("2026-03-08 03:00:00"), "2026-03-08T07:00:00.000Z");
    assert.equal(utc("2026-03-06 09:30:00"), "2026-03-06T14:30:00.000Z");
    assert.equal(utc("2026-03-09 09:30:00"), "2026-03-09T13:30:00.000Z");
    assert.equal(utc("2026-11-01 01:30:00"), "2026-11-01T05:30:00.000Z");
    assert.equal(utc("2026-11-01 02:00:00"), "2026-11-01T07:00:00.000Z");
    assert.equal(
      new Date(createZone("UTC")("2026-11-01 02:00:00") * 1000).toISOString(),
      "2026-11-01T02:00:00.000Z",
    );
    assert.throws(() => createZone("Mars/North"), /is not known/);
  });

  it("reads currencies, which have no volume, in the time zone of the answer", async () => {
    const api = await startApi(() => ({
      body: {
        "Meta Data": { "2. From Symbol": "EUR", "7. Time Zone": "UTC" },
        "Time Series FX (5min)": {
          "2026-01-05 10:00:00": { "1. open": "1.1", "2. high": "1.2", "3. low": "1.0", "4. close": "1.15" },
        },
      },
    }));
    const source = run(api.url, {
      symbol: undefined,
      forex: { from: "EUR", to: "USD" },
      interval: "5min",
      delayHours: 1,
    });
    source.now = Date.parse("2026-01-05T11:00:00Z");
    const [draft] = await source.step();
    assert.equal(String(draft?.key), "EUR/USD");
    assert.deepEqual(JSON.parse(String(draft?.value)), {
      open: 1.1,
      high: 1.2,
      low: 1,
      close: 1.15,
      timestamp: Date.parse("2026-01-05T10:00:00Z") / 1000,
      datetime: "2026-01-05 10:00:00",
    });
    const { search } = api.calls[0]?.url ?? new URL(api.url);
    assert.match(search, /function=FX_INTRADAY&from_symbol=EUR&to_symbol=USD&interval=5min/);
  });

  it("continues after its last bar, and makes no call before the next bar can be due", async () => {
    const api = await startApi(() => ({
      body: stock({ "2026-01-05 10:00:00": 1, "2026-01-05 10:01:00": 2 }),
    }));
    const time = (text: string) => Date.parse(text);
    const source = run(
      api.url,
      { delayHours: 1 },
      { cursor: { timestamp: time("2026-01-05T15:00:00Z") / 1000 } },
    );
    source.now = time("2026-01-05T15:30:00Z");
    assert.deepEqual(await source.step(), []);
    assert.equal(api.calls.length, 0);
    assert.equal(source.progress.nextRunAt, time("2026-01-05T16:01:00Z"));
    assert.deepEqual(
      (await source.values()).map((value) => JSON.parse(value).open),
      [2],
    );
  });

  const refusals: readonly [title: string, body: object, kind: string, retryAfterMs: number][] = [
    [
      "too fast",
      {
        Information: `Please consider spreading out your free API requests more sparingly (1 request per second). You may subscribe to lift the free key rate limit (25 requests per day). Key ${KEY}`,
      },
      "passing",
      60_000,
    ],
    [
      "too fast, the earlier text",
      { Note: "Our standard API call frequency is 5 calls per minute and 500 calls per day." },
      "passing",
      60_000,
    ],
    [
      "the day is used up",
      {
        Information: `We have detected your API key as ${KEY} and our standard API rate limit is 25 requests per day.`,
      },
      "passing",
      2 * HOUR,
    ],
    [
      "a premium endpoint",
      { Information: "Thank you for using Alpha Vantage! This is a premium endpoint." },
      "blocked",
      HOUR,
    ],
    [
      "a wrong symbol",
      { "Error Message": "Invalid API call. Please retry or visit the documentation." },
      "blocked",
      HOUR,
    ],
    ["a wrong key", { "Error Message": "the parameter apikey is invalid or missing." }, "blocked", HOUR],
  ];
  for (const [title, body, kind, retryAfterMs] of refusals)
    it(`recognizes a refusal, which has the status 200: ${title}`, async () => {
      const api = await startApi(() => ({ body }));
      await assert.rejects(run(api.url).step(), (error: Error & { kind: string; retryAfterMs: number }) => {
        assert.doesNotMatch(error.message, new RegExp(KEY));
        assert.deepEqual([error.kind, error.retryAfterMs], [kind, retryAfterMs]);
        return true;
      });
    });

  it("makes at most 25 calls per key in any 24 hours, over 20 restarts of three sources", async () => {
    const api = await startApi(() => ({ body: stock({}) }));
    const times: number[] = [];
    const answer: ApiScript = api.answer;
    const context = { shared: sharedObjects() };
    const sources = ["IBM", "AAPL", "MSFT"].map((symbol) =>
      run(api.url, { symbol }, { context: { ...context, name: symbol } }),
    );
    let now = Date.UTC(2026, 0, 1);
    api.answer = (...call) => {
      times.push(now);
      return answer(...call);
    };
    for (let restart = 0; restart < 20; restart++) {
      for (const source of sources) {
        source.now = now;
        source.restart();
        source.source.onTakeover?.(
          new Map(sources.map((each, n) => [["IBM", "AAPL", "MSFT"][n] ?? "", each.cursor])),
        );
        await source.step();
        now += HOUR / 4;
      }
    }
    assert.ok(times.length >= 25, `${times.length} calls`);
    for (const from of times)
      assert.ok(times.filter((time) => time >= from && time < from + 24 * HOUR).length <= 25);
  });

  it("requires either a symbol or two currencies", () => {
    assert.throws(() => run("http://localhost", { symbol: undefined }), /exactly one of symbol and forex/);
    assert.throws(
      () => run("http://localhost", { forex: { from: "A", to: "B" } }),
      /exactly one of symbol and forex/,
    );
  });
});
