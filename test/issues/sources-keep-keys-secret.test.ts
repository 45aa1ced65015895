// The key of an API is in no log line, metric or state, and its calls stay within its quota, whatever the API answers and however often
// the gateway is restarted.

import { strict as assert } from "node:assert";
import { type Clock, systemClock } from "../../src/core/time.ts";
import { type ApiReply, startApi } from "../support/api-double.ts";
import { itThoroughly, useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { rss, startMeasured } from "../support/process.ts";
import { sourceStates, untilState } from "../support/sources.ts";
import { until } from "../support/until.ts";

const KEY = "SECRETKEY987";
const SYMBOLS = ["IBM", "AAPL", "MSFT"];
const RESTARTS = 20;
const MEGABYTE = 1024 * 1024;

describe("sources of APIs", function () {
  this.timeout(120_000);
  const broker = useBroker();

  itThoroughly(
    `make at most 25 calls per key over ${RESTARTS} restarts of three sources, and never show the key`,
    async () => {
      const topic = await broker.topic();
      const refusals: ApiReply[] = [
        { body: { "Meta Data": { "6. Time Zone": "US/Eastern" }, "Time Series (1min)": {} } },
        {
          body: {
            Information: `Your API key ${KEY}: please consider spreading out your requests (1 request per second).`,
          },
        },
        {
          body: { Information: `We have detected your API key as ${KEY}: the limit is 25 requests per day.` },
        },
        { body: { "Error Message": `the parameter apikey ${KEY} is invalid or missing` } },
        { status: 500, body: KEY },
        { body: `<html>${KEY}` },
        { status: 403, body: { key: KEY } },
      ];
      const api = await startApi(() => refusals[api.calls.length % refusals.length]);
      // A second takes a twentieth of one, so that the limit per second does not take the time of the test.
      const began = Date.now();
      const clock: Clock = {
        now: () => began + (Date.now() - began) * 20,
        sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
      };
      const texts: string[] = [];
      for (let restart = 0; restart < RESTARTS; restart++) {
        const log = keepingLog();
        const config = {
          kafka: { createTopics: true, namespace: `ns-${topic}` },
          sources: Object.fromEntries(
            SYMBOLS.map((symbol) => [
              symbol,
              { type: "alpha-vantage", symbol, apiKey: KEY, topic, url: api.url },
            ]),
          ),
        };
        const gateway = await startTestGateway(broker.addresses(), config, log, clock);
        const calls = api.calls.length;
        await until(async () => {
          const states = await sourceStates(gateway);
          const isUsedUp = states.every(({ quotaRemaining }) => quotaRemaining === 0);
          return api.calls.length >= calls + 2 || isUsedUp;
        });
        const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
        texts.push(JSON.stringify(await sourceStates(gateway)), metrics, JSON.stringify(log.lines));
        await gateway.stop();
      }
      assert.ok(api.calls.length <= 25 && api.calls.length >= 15, `${api.calls.length} calls`);
      for (const text of texts)
        assert.ok(!text.includes(KEY), text.slice(Math.max(0, text.indexOf(KEY) - 200)));
    },
  );

  itThoroughly("are blocked by a response of 1 GB, and read only its beginning", async () => {
    const topic = await broker.topic();
    const chunk = Buffer.alloc(MEGABYTE, "x");
    let sent = 0;
    const api = await startApi((_, res) => {
      res.writeHead(200, { "content-type": "application/json" });
      const more = (): void => {
        while (sent < 1024 && !res.destroyed) {
          sent++;
          if (!res.write(chunk)) return void res.once("drain", more);
        }
      };
      more();
      return undefined;
    });
    const gateway = await startMeasured({
      kafka: { brokers: broker.addresses(), createTopics: true, namespace: `ns-${topic}` },
      sources: { in: { type: "http-poll", topic, url: `${api.url}/?key=${KEY}`, id: "id" } },
    });
    const before = rss(gateway.child.pid);
    const { lastError } = await untilState(gateway, ["blocked"]);
    assert.match(lastError?.message ?? "", /more than 10485760 bytes, the limit maxResponse/);
    assert.ok(!JSON.stringify(lastError).includes(KEY));
    assert.ok(sent < 100, `${sent} MB were sent`);
    assert.ok(rss(gateway.child.pid) - before < 60 * MEGABYTE);
  });
});
