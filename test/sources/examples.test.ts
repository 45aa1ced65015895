// The examples of sources, as they are: against doubles of the APIs, through a proxy, over https.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { PARTITIONS, stateTopic } from "../../src/app/state-topic.ts";
import { afterTest } from "../support/after-test.ts";
import type { ApiReply } from "../support/api-double.ts";
import { openApi } from "../support/api-double.ts";
import { createTopic, describeIf, thorough, useBroker } from "../support/broker.ts";
import { start } from "../support/process.ts";
import { startProxy } from "../support/proxy.ts";
import { readCommitted } from "../support/read-back.ts";
import { sourceStates } from "../support/sources.ts";
import { tlsFiles } from "../support/tls/files.ts";
import { until } from "../support/until.ts";

const SECRET = "SECRET12345678";
const now = new Date();
const weekAgo = (minutes: number): string =>
  new Date(now.getTime() - 168 * 3_600_000 + minutes * 60_000).toISOString().slice(0, 19).replace("T", " ");
const bar = {
  "1. open": "147.2880",
  "2. high": "147.3700",
  "3. low": "147.1200",
  "4. close": "147.3500",
  "5. volume": "660905",
};
const page = (url: URL, name = "page"): number => Number(url.searchParams.get(name) ?? 1);

interface Example {
  readonly file: string;
  readonly topic: string;
  readonly answer: (url: URL) => ApiReply;
  /** The keys of the first records. */
  readonly keys: readonly (string | null)[];
  readonly value: RegExp;
}

const examples: readonly Example[] = [
  {
    file: "alpha-vantage/onramp.yaml",
    topic: "STOCK.PRICES.IBM",
    answer: () => ({
      body: {
        "Meta Data": { "2. Symbol": "IBM", "6. Time Zone": "UTC" },
        "Time Series (1min)": { [weekAgo(-1)]: bar, [weekAgo(-2)]: bar, [weekAgo(60)]: bar },
      },
    }),
    keys: ["IBM", "IBM"],
    value:
      /^\{"open":147.288,"high":147.37,"low":147.12,"close":147.35,"volume":660905,"timestamp":\d+,"datetime":"[-0-9]+ [:0-9]+"\}$/,
  },
  {
    file: "x/onramp.yaml",
    topic: "TWITTER.KAFKA",
    answer: (url) =>
      url.searchParams.has("since_id")
        ? { body: { meta: { result_count: 0 } } }
        : {
            body: {
              data: [{ id: "1849", author_id: "22", text: "kafka", edit_history_tweet_ids: ["1849"] }],
              meta: { newest_id: "1849", oldest_id: "1849", result_count: 1 },
            },
          },
    keys: ["22"],
    value: /"text":"kafka"/,
  },
  {
    file: "wikimedia/onramp.yaml",
    topic: "WIKIMEDIA.CHANGES",
    answer: () => ({
      headers: { "content-type": "text/event-stream; charset=utf-8" },
      body: [
        { meta: { id: "a", domain: "canary", dt: now.toISOString() }, wiki: "canary" },
        { meta: { id: "b", domain: "en.wikipedia.org", dt: now.toISOString() }, wiki: "enwiki" },
      ]
        .map(
          (change) =>
            `event: message\nid: [{"topic":"eqiad.mediawiki.recentchange","partition":0,"timestamp":1}]\ndata: ${JSON.stringify(change)}\n\n`,
        )
        .join(""),
    }),
    keys: ["enwiki"],
    value: /en\.wikipedia\.org/,
  },
  {
    file: "polling/by-id.yaml",
    topic: "ORDERS",
    answer: (url) => {
      const after = Number(url.searchParams.get("after"));
      const orders = Array.from({ length: Math.min(100, 150 - after) }, (_, n) => ({ id: after + n + 1 }));
      return { body: { orders } };
    },
    keys: Array.from({ length: 150 }, (_, n) => String(n + 1)),
    value: /^\{"id":1\}$/,
  },
  {
    file: "polling/by-time.yaml",
    topic: "TICKETS",
    answer: () => ({ body: { tickets: [{ id: 7, updated_at: "2026-01-05T10:00:00Z" }] } }),
    keys: ["7"],
    value: /2026-01-05T10:00:00Z/,
  },
  {
    file: "polling/by-page.yaml",
    topic: "STATIONS",
    answer: (url) => ({
      body: {
        data: [{ id: `s${page(url)}`, status: "open" }],
        meta: { next_page: page(url) < 3 ? page(url) + 1 : null },
      },
    }),
    keys: ["s1", "s2", "s3"],
    value: /"status":"open"/,
  },
  {
    file: "polling/newest-first.yaml",
    topic: "POSTS",
    answer: (url) => {
      const since = Number(url.searchParams.get("since_id") ?? 0);
      return { body: { posts: since > 0 ? [{ id: since + 1, author: "ada" }] : [{ id: 1, author: "old" }] } };
    },
    keys: [],
    value: /./,
  },
  {
    file: "polling/github-events.yaml",
    topic: "GITHUB.EVENTS",
    answer: (url) => ({
      headers: page(url) < 2 ? { link: `<${url.origin}${url.pathname}?page=2>; rel="next"` } : {},
      body: [
        {
          id: `4${page(url)}`,
          type: "PushEvent",
          repo: { name: "nodejs/node" },
          created_at: now.toISOString(),
        },
      ],
    }),
    keys: ["nodejs/node", "nodejs/node"],
    value: /"type":"PushEvent"/,
  },
  {
    file: "polling/feed.yaml",
    topic: "NEWS",
    answer: () => ({
      body: { status: "ok", items: [{ guid: "g1", title: "Kafka", pubDate: "2026-01-05 10:00:00" }] },
    }),
    keys: [null],
    value: /"title":"Kafka"/,
  },
  {
    file: "polling/weather.yaml",
    topic: "WEATHER",
    answer: () => ({
      body: { latitude: 52.52, current: { time: "2026-01-05T10:00", interval: 900, temperature_2m: 1.0 } },
    }),
    keys: ["berlin"],
    value: /"temperature_2m":1/,
  },
  {
    file: "polling/exchange-rates.yaml",
    topic: "RATES",
    answer: () => ({
      body: { amount: 1.0, base: "EUR", date: "2026-01-05", rates: { CHF: 0.93, USD: 1.17 } },
    }),
    keys: ["CHF", "USD"],
    value: /^\{"date":"2026-01-05","base":"EUR","currency":"CHF","rate":0.93\}$/,
  },
  {
    file: "polling/jira.yaml",
    topic: "JIRA.ISSUES",
    answer: (url) =>
      url.searchParams.get("jql")?.includes("2026-01-01 00:00") || url.searchParams.has("nextPageToken")
        ? {
            body: url.searchParams.has("nextPageToken")
              ? {
                  issues: [{ key: "ON-2", fields: { updated: "2026-01-05T11:00:00.000+0000" } }],
                  isLast: true,
                }
              : {
                  issues: [{ key: "ON-1", fields: { updated: "2026-01-05T10:00:00.000+0000" } }],
                  nextPageToken: "t",
                },
          }
        : { body: { issues: [], isLast: true } },
    keys: ["ON-1", "ON-2"],
    value: /"key":"ON-1"/,
  },
  {
    file: "polling/gitlab-issues.yaml",
    topic: "GITLAB.ISSUES",
    answer: (url) => ({
      headers: page(url) < 2 ? { link: `<${url.origin}${url.pathname}?page=2>; rel="next"` } : {},
      body: [{ id: 100 + page(url), iid: page(url), updated_at: "2026-01-05T10:00:00.000Z" }],
    }),
    keys: ["1", "2"],
    value: /"iid":1/,
  },
];

describeIf(thorough, "the examples of sources", function () {
  this.timeout(60_000);
  const broker = useBroker();

  for (const { file, topic, answer, keys, value } of examples)
    it(`examples/${file} works as it is`, async () => {
      for (const name of [topic, `${topic}.dead-letter`])
        await createTopic(broker.addresses(), {}, name).catch(() => {});
      const { apisCert, apisKey } = tlsFiles();
      const api = await openApi(({ url }) => answer(url), {
        cert: readFileSync(apisCert),
        key: readFileSync(apisKey),
      });
      afterTest(api.close);
      const proxy = await startProxy();
      proxy.target = new URL(api.url).host;
      const secrets = ["ALPHAVANTAGE_KEY", "X_TOKEN", "API_TOKEN", "GITHUB_TOKEN", "JIRA_BASIC"];
      const namespace = `ns-${Date.now()}`;
      const { name, config } = stateTopic(namespace);
      await createTopic(broker.addresses(), { partitions: PARTITIONS, config }, name);
      const gateway = await start(["start", `examples/${file}`], {
        ...Object.fromEntries(secrets.map((name) => [name, SECRET])),
        HTTPS_PROXY: proxy.url,
        NODE_EXTRA_CA_CERTS: apisCert,
        KAFKA_BROKERS: broker.addresses().join(","),
        ONRAMP_NAMESPACE: namespace,
        ONRAMP_STOP_DRAIN: "0ms",
      });
      const written = () => readCommitted(broker.addresses(), topic);
      await until(
        async () =>
          (await written()).length >= keys.length && (await sourceStates(gateway))[0]?.lastCommit !== null,
        30_000,
      );
      const records = await written();
      assert.deepEqual(
        records.map(({ key }) => key?.toString() ?? null),
        keys,
      );
      for (const record of records.slice(0, 1)) assert.match(String(record.value), value);
      const letters = await readCommitted(broker.addresses(), `${topic}.dead-letter`).catch(() => []);
      assert.deepEqual(letters, []);
      const [source] = await sourceStates(gateway);
      assert.deepEqual([source?.state, source?.lastError], ["running", null]);
      const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
      for (const text of [gateway.stdout(), gateway.stderr(), metrics, JSON.stringify(source)])
        assert.doesNotMatch(text, new RegExp(SECRET));
    });
});
