// Missed deliveries of GitHub are recovered, and each becomes one record.

import { strict as assert } from "node:assert";
import { generateKeyPairSync } from "node:crypto";
import type { Gateway } from "../../src/app/gateway.ts";
import { systemClock } from "../../src/core/time.ts";
import { itThoroughly, useBroker } from "../support/broker.ts";
import { startTestGateway, type TestConfig, writeConfig } from "../support/gateway.ts";
import { type GithubDouble, HOOK_SECRET, startGithub } from "../support/github-double.ts";
import { metric } from "../support/http.ts";
import { run } from "../support/process.ts";
import { headersOf, readCommitted } from "../support/read-back.ts";
import { soak } from "../support/soak.ts";
import { sourceState, storedState, untilState } from "../support/sources.ts";
import { until } from "../support/until.ts";

const HOUR = 3_600_000;

describe("webhooks: recovery of missed deliveries", function () {
  this.timeout(soak ? 900_000 : 120_000);
  const broker = useBroker();
  let topic: string;
  let github: GithubDouble;

  beforeEach(async () => {
    topic = await broker.topic();
    github = await startGithub("");
  });

  const configOf = (recover: object = {}, hook: object = {}): TestConfig => ({
    kafka: { createTopics: true, namespace: `ns-${topic}` },
    webhooks: {
      github: {
        type: "github",
        secrets: [HOOK_SECRET],
        topic,
        ...hook,
        recover: {
          token: "TOKEN",
          repository: "acme/shop",
          hook: 7,
          interval: "200ms",
          apiUrl: github.url,
          ...recover,
        },
      },
    },
  });
  async function start(recover?: object, hook?: object, clock?: { now(): number }): Promise<Gateway> {
    const { now = Date.now } = clock ?? {};
    const { sleep } = systemClock;
    const gateway = await startTestGateway(broker.addresses(), configOf(recover, hook), undefined, {
      now,
      sleep,
    });
    github.target = `${gateway.apiUrl}/webhooks/github`;
    return gateway;
  }
  const guids = async (): Promise<string[]> =>
    (await readCommitted(broker.addresses(), topic)).map((record) => headersOf(record)["ce_id"] ?? "");
  const state = (gateway: Gateway) => sourceState(gateway, "webhook:github");

  it("requests failed deliveries again, except those that were written, were refused, or are younger than a minute", async () => {
    const gateway = await start();
    const at = Date.now() - HOUR;
    const delivered = await github.deliver();
    const failed = [
      await github.deliver({ lost: "request", at }),
      await github.deliver({ lost: "request", at }),
    ];
    const written = await github.deliver({ lost: "answer", at });
    const refused = await github.deliver({ lost: "request", at, status: 422 });
    const young = await github.deliver({ lost: "request" });
    await github.deliver({ lost: "request", at, event: "ping" });
    await until(async () => (await guids()).length === 4, 60_000);
    assert.deepEqual((await guids()).sort(), [delivered, ...failed, written].sort());
    assert.deepEqual(github.requested.sort(), failed.sort());
    await until(async () => (await state(gateway)).losses === 1);
    const { lastLoss, cursor } = await state(gateway);
    assert.match(lastLoss?.message ?? "", new RegExp(`${refused} .*Onramp refused its content`));
    assert.equal((cursor as { lost: string[] }).lost.length, 1);
    await until(async () => (await state(gateway)).lag === 1);
    assert.ok(!github.requested.includes(young));
    assert.equal(await metric(gateway, "onramp_source_losses_total", { source: "webhook:github" }), 1);
    assert.equal(github.calls[0]?.authorization, "token TOKEN");
  });

  itThoroughly("requests a delivery three times at most, then reports it once", async () => {
    let offset = 0;
    const gateway = await start({}, {}, { now: () => Date.now() + offset });
    const guid = await github.deliver({ lost: "request", at: Date.now() - HOUR });
    github.unreachable.add(guid);
    for (const count of [1, 2, 3]) {
      await until(async () => github.requested.length === count, 30_000);
      offset += 61_000;
    }
    await until(async () => (await state(gateway)).losses === 1, 30_000);
    const { lastLoss } = await state(gateway);
    assert.match(
      lastLoss?.message ?? "",
      new RegExp(`${guid} .*three more attempts failed, the last with 502`),
    );
    const { calls } = github;
    const before = calls.length;
    await until(async () => calls.length > before + 3);
    assert.equal(github.requested.length, 3);
    assert.equal((await state(gateway)).losses, 1);
  });

  itThoroughly(
    "counts no request that GitHub did not accept, and goes on after a delivery that GitHub does not have",
    async () => {
      const at = Date.now() - HOUR;
      const gone = await github.deliver({ lost: "request", at });
      let offset = 0;
      const gateway = await start({}, {}, { now: () => Date.now() + offset });
      const missing = github.log[0]?.id;
      let refusals = 4;
      github.fault = ({ method, url }) => {
        if (method !== "POST") return undefined;
        if (url.pathname.includes(`/${missing}/`)) return { status: 404, body: {} };
        return refusals-- > 0 ? { status: 502, body: {} } : undefined;
      };
      const guid = await github.deliver({ lost: "request", at });
      const requestsOf = async () =>
        (await storedState(broker.addresses(), `ns-${topic}`, "webhook:github"))?.cursor.requests?.[guid];
      for (let lastAt = 0, n = 0; n < 4; n++) {
        await until(async () => {
          const requests = await requestsOf();
          const isCancelled = requests?.count === 0 && requests.lastAt > lastAt;
          if (isCancelled) lastAt = requests.lastAt;
          return isCancelled;
        }, 30_000);
        offset += 61_000;
      }
      await until(async () => (await guids()).includes(guid), 60_000);
      await until(async () => (await state(gateway)).losses === 1);
      const { lastLoss } = await state(gateway);
      assert.match(lastLoss?.message ?? "", new RegExp(`${gone} .*GitHub answered 404`));
    },
  );

  itThoroughly("finds a delivery that was written long before a person requested it again", async () => {
    const gateway = await start();
    const guid = await github.deliver({ lost: "answer", at: Date.now() - HOUR });
    await until(async () => (await state(gateway)).lastCommit !== null);
    const [entry] = github.log;
    const later = new Date(Date.now() - 120_000).toISOString();
    github.log.splice(0, 1);
    github.log.push({ ...(entry as NonNullable<typeof entry>), redelivery: true, delivered_at: later });
    const before = github.calls.length;
    await until(async () => github.calls.length > before + 4);
    assert.deepEqual([github.requested, await guids()], [[], [guid]]);
  });

  itThoroughly("reads back to the window, over all pages, and then only what is new", async () => {
    const gateway = await start({ window: "2h", interval: "100ms" });
    const old = await github.deliver({ lost: "request", at: Date.now() - 3 * HOUR });
    const first = await github.deliver({ lost: "request", at: Date.now() - HOUR });
    for (let n = 0; n < 250; n++)
      github.log.push({
        ...(github.log[0] as object),
        guid: `g${n}`,
        status_code: 200,
        delivered_at: new Date(Date.now() - HOUR / 2).toISOString(),
      } as never);
    await until(async () => (await guids()).length === 1, 30_000);
    assert.deepEqual(await guids(), [first]);
    assert.ok(!github.requested.includes(old));
    await until(async () => (await state(gateway)).lag === 0);
    const before = github.calls.length;
    await until(async () => github.calls.length > before + 4);
    const pages = github.calls.slice(before + 1).filter(({ url }) => url.searchParams.has("cursor"));
    assert.ok(pages.length < 6, `${pages.length} further pages`);
  });

  itThoroughly("finds a delivery among the dead letters of its topic", async () => {
    await start({}, { onInvalid: "dead-letter", topics: { push: topic } });
    const guid = await github.deliver({ lost: "answer", at: Date.now() - HOUR });
    await until(async () => (await guids()).length === 1);
    const before = github.calls.length;
    await until(async () => github.calls.length > before + 3);
    assert.deepEqual([github.requested, await guids()], [[], [guid]]);
  });

  itThoroughly("waits as long as GitHub asks, and says what an operator must do", async () => {
    const gateway = await start();
    github.fault = () => ({
      status: 403,
      headers: { "retry-after": "40" },
      body: { message: "secondary rate limit" },
    });
    const { nextRun, lastError } = await untilState(gateway, ["backing-off"], "webhook:github");
    assert.match(lastError?.message ?? "", /GitHub answered 403: its rate limit/);
    assert.ok(Date.parse(nextRun ?? "") > Date.now() + 30_000);
    await gateway.stop();
    github.fault = () => ({ status: 404, body: { message: "Not Found" } });
    const second = await start();
    const blocked = await untilState(second, ["blocked"], "webhook:github");
    assert.match(blocked.lastError?.message ?? "", /check repository, organization and hook/);
    assert.doesNotMatch(JSON.stringify(blocked), /TOKEN/);
  });

  itThoroughly("reads the hook of an app with the app's JWT", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    github.fault = ({ url }) =>
      url.pathname === "/app/hook/deliveries"
        ? { headers: { "content-type": "application/json" }, body: [] }
        : undefined;
    const app = { id: "12", privateKey: pem };
    const gateway = await start({ token: undefined, repository: undefined, hook: undefined, app });
    await until(async () => github.calls.length > 2);
    assert.match(github.calls[0]?.authorization ?? "", /^bearer ey/i);
    assert.equal((await state(gateway)).lastError, null);
    await gateway.stop();
    github.fault = ({ url }) =>
      url.pathname === "/app/installations/5/access_tokens"
        ? {
            status: 201,
            headers: { "content-type": "application/json" },
            body: { token: "ghs_1", expires_at: new Date(Date.now() + HOUR).toISOString(), permissions: {} },
          }
        : undefined;
    await start({ token: undefined, app: { ...app, installation: 5 } });
    await until(async () => github.calls.at(-1)?.authorization === "token ghs_1");
  });

  itThoroughly("is listed by `onramp github missed`, which requests nothing", async () => {
    await start({ interval: "1h" });
    await until(async () => github.calls.length > 0);
    const at = Date.now() - HOUR;
    const guid = await github.deliver({ lost: "request", at });
    const written = await github.deliver({ lost: "answer", at });
    const { kafka, ...rest } = configOf();
    const file = writeConfig({ ...rest, kafka: { ...(kafka as object), brokers: broker.addresses() } });
    const { code, stdout, stderr } = await run(["github", "missed", "--config", file]);
    assert.equal(code, 0, stderr);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => line.split("\t"));
    assert.deepEqual(
      lines.map(([webhook, id, event, , verdict]) => [webhook, id, event, verdict]),
      [
        ["github", guid, "issues", "redeliver"],
        ["github", written, "issues", "written"],
      ],
    );
    assert.deepEqual(github.requested, []);
  });

  /** Deliveries, failed ones, those of them that were written, and those that stay unreachable. */
  const [total, failures, written, hopeless] = soak ? [5000, 60, 10, 3] : [500, 6, 1, 1];
  itThoroughly(
    `of ${total} deliveries, recovers each failed one once, requests none that was written, and reports those that stay unreachable`,
    async () => {
      let offset = 0;
      const gateway = await start({}, {}, { now: () => Date.now() + offset });
      const at = Date.now() - HOUR;
      const all: string[] = [];
      for (let n = 0; n < total; n++) {
        const index = n % (total / failures) < 1 ? Math.floor(n / (total / failures)) : undefined;
        const lost = index === undefined ? undefined : index < written ? "answer" : "request";
        all.push(await github.deliver({ ...(lost ? { lost } : {}), at }));
      }
      const failed = github.log.filter(({ status_code }) => status_code === 502).map(({ guid }) => guid);
      assert.equal(failed.length, failures);
      const never = failed.slice(-hopeless);
      for (const guid of never) github.unreachable.add(guid);
      for (const count of [1, 2, 3]) {
        const requests = () => github.requested.filter((guid) => never.includes(guid)).length;
        await until(() => requests() === count * hopeless, 300_000);
        offset += 61_000;
      }
      await until(async () => (await state(gateway)).losses === 1, 60_000);
      for (const guid of never)
        assert.match((await state(gateway)).lastLoss?.message ?? "", new RegExp(guid));
      assert.deepEqual((await guids()).sort(), all.filter((guid) => !never.includes(guid)).sort());
      assert.equal(github.requested.length, failures - written + 2 * hopeless);
    },
  );
});
