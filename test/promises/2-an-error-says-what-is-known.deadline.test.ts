// Promise 2: the deadline limits the append, not the upload. Requests that arrive slowly are written and answered 200, and
// a request past its time limit is refused before the append: every answer agrees with the log.

import { strict as assert } from "node:assert";
import http from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { adapterKind } from "../../src/core/adapter.ts";
import { object, string } from "../../src/core/options.ts";
import type { WebhookKind } from "../../src/core/webhook.ts";
import { verifyDelivery } from "../../src/core/webhook.ts";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { type Answer, NDJSON, post, V2_TEXT } from "../support/http.ts";
import { startLoad, verify } from "../support/load.ts";
import { startWith } from "../support/process.ts";
import { delayProduce } from "../support/produce-faults.ts";
import { readTopic, readValues } from "../support/read-back.ts";
import { until } from "../support/until.ts";

const DEADLINE_MS = 400;
const PARTITIONS = 3;

interface Upload {
  readonly type?: string;
  readonly body: string;
  /** The number of parts, with a pause of `everyMs` between them. */
  readonly parts: number;
  readonly everyMs: number;
}

/** Posts a body in parts, as a client on a slow connection does. */
async function upload(
  url: string,
  { type, body, parts, everyMs }: Upload,
): Promise<Pick<Answer, "status" | "body">> {
  const headers = type === undefined ? {} : { "content-type": type };
  const request = http.request(url, { method: "POST", headers });
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    request.on("error", reject).on("response", (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
  });
  const size = Math.ceil(body.length / parts);
  for (let part = 0; part < parts; part++) {
    request.write(body.slice(part * size, (part + 1) * size));
    await delay(everyMs);
  }
  request.end();
  const { status, text } = await answered;
  return { status, body: text.startsWith("{") ? JSON.parse(text.split("\n")[0] ?? "") : undefined };
}

describe("promise 2: the deadline counts from the moment there is something to append", function () {
  this.timeout(60_000);
  const broker = useBroker();

  it("a body that arrives after http.deadline is written, for a topic that is not in the cache, and with a linger", async () => {
    const kafka = { linger: "25ms" };
    const gateway = await startTestGateway(broker.addresses(), {
      kafka,
      http: { deadline: `${DEADLINE_MS}ms` },
    });
    const bodies = {
      raw: { body: "v".repeat(1000) },
      envelope: { type: V2_TEXT, body: JSON.stringify({ records: [{ value: "a" }, { value: "b" }] }) },
      lines: { type: NDJSON, body: '"a"\n"b"\n' },
    };
    await Promise.all(
      Object.entries(bodies).map(async ([format, given]) => {
        const topic = await broker.topic();
        const answer = await upload(`${gateway.apiUrl}/topics/${topic}`, {
          ...given,
          parts: 4,
          everyMs: DEADLINE_MS / 2,
        });
        assert.equal(answer.status, 200, `${format}: ${JSON.stringify(answer.body)}`);
        assert.equal((await readValues(broker.addresses(), topic)).length, format === "raw" ? 1 : 2);
      }),
    );
  });

  it("a body of 20 MB at 3 MB per second, 100 slow clients and 20 fast ones: every answer agrees with the log", async () => {
    const topic = await broker.topic({ partitions: PARTITIONS });
    // The large body arrives for longer than http.deadline, which is 5 s.
    const gateway = await startWith({ kafka: { brokers: broker.addresses() } });
    const url = `${gateway.apiUrl}/topics/${topic}`;
    const load = startLoad(gateway.apiUrl, `/topics/${topic}`, 20, { pauseMs: 10 });
    const value = (client: string, n: number): string => `${client}:${n}:${"x".repeat(1000)}`;
    const envelope = (client: string, count: number): string =>
      JSON.stringify({ records: Array.from({ length: count }, (_, n) => ({ value: value(client, n) })) });
    const large = { type: V2_TEXT, body: envelope("large", 19_500), parts: 70, everyMs: 95 };
    const slow = Array.from({ length: 100 }, (_, client) => ({
      client: `slow${client}`,
      upload: { type: V2_TEXT, body: envelope(`slow${client}`, 5), parts: 6, everyMs: 500 },
    }));
    const [largeAnswer, ...slowAnswers] = await Promise.all([
      upload(url, large),
      ...slow.map((each) => upload(url, each.upload)),
    ]);
    const posted = await load.stop();
    await verify(broker.addresses(), topic, PARTITIONS, posted);
    const stored = new Set(
      (await readTopic(broker.addresses(), topic, PARTITIONS))
        .flat()
        .map((record) => record.value?.toString()),
    );
    const counts: Record<string, number> = {};
    const compare = (client: string, { status, body }: Pick<Answer, "status" | "body">): void => {
      const outcomes: { error_code: number | null }[] = body.offsets ?? [];
      counts[status] = (counts[status] ?? 0) + 1;
      if (status !== 200) assert.ok([408, 503, 504].includes(status), JSON.stringify(body));
      for (const [n, { error_code: code }] of outcomes.entries()) {
        const known = code === null ? true : code === 50401 ? undefined : false;
        if (known !== undefined)
          assert.equal(stored.has(value(client, n)), known, `${client}:${n} was answered ${code}`);
      }
      if (status === 408 || status === 503) assert.ok(!stored.has(value(client, 0)), `${client} was refused`);
    };
    compare("large", largeAnswer);
    for (const [n, answer] of slowAnswers.entries()) compare(`slow${n}`, answer);
    assert.equal(largeAnswer.status, 200);
    assert.equal(
      largeAnswer.body.offsets.filter((each: { error_code: unknown }) => each.error_code === null).length,
      19_500,
    );
    assert.equal(counts[200], 101, JSON.stringify(counts));
  });
});

describeOnDevBroker("promise 2: a request past its time limit is refused before the append", function () {
  this.timeout(60_000);
  const broker = useBroker();

  it("a key expression that uses up the time is answered 408, in every format, and nothing is written", async () => {
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), {
      http: { deadline: "20ms" },
      topics: { [topic]: { key: "$string($sum([1..100000].($ * 2)))" } },
    });
    for (const [type, body] of [
      [undefined, '{"a":1}'],
      [V2_TEXT, '{"records":[{"value":"1"}]}'],
    ] as const) {
      const answer = await post(gateway, `/topics/${topic}`, type, body);
      assert.deepEqual([answer.status, answer.body.error_code], [408, 40801], answer.text);
      assert.match(answer.body.detail, /nothing was written.*key expression/);
    }
    const lines = (await post(gateway, `/topics/${topic}`, NDJSON, "1\n2\n")).text.trim().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).error_code),
      [40801, 40801],
    );
    assert.deepEqual(await readValues(broker.addresses(), topic), []);
  });

  it("a webhook's time counts from its headers: a delivery that arrives too slowly is answered 408", async () => {
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), {
      kinds: { webhooks: [impatient] },
      webhooks: { hook: { type: "impatient", topic } },
    });
    const url = `${gateway.apiUrl}/webhooks/hook`;
    const answer = await upload(url, { body: "{}", parts: 2, everyMs: 200 });
    assert.deepEqual([answer.status, answer.body.error_code], [408, 40801]);
    assert.deepEqual(await readValues(broker.addresses(), topic), []);
    assert.equal((await post(gateway, "/webhooks/hook", undefined, "{}")).status, 200);
  });

  it("a record that Kafka acknowledged while the process was stalled is answered 200, in every format", async () => {
    const stalls = new Map<string, () => void>();
    broker.dev().faults.produce = ({ topic }) => {
      stalls.get(topic)?.();
      return undefined;
    };
    const stalled = async (type: string | undefined, body: string): Promise<void> => {
      const topic = await broker.topic();
      const gateway = await startWith({
        kafka: { brokers: broker.addresses(), requestTimeout: "200ms" },
        http: { deadline: "500ms" },
      });
      assert.equal((await post(gateway, `/topics/${topic}`, undefined, "first")).status, 200);
      const appended = new Promise<void>((resolve) => {
        stalls.set(topic, () => {
          gateway.child.kill("SIGSTOP");
          resolve();
        });
      });
      const answering = post(gateway, `/topics/${topic}`, type, body);
      await appended;
      stalls.delete(topic);
      // The deadline and the time limit of the request (1.2 s) pass while the answer waits in the socket.
      await delay(1500);
      gateway.child.kill("SIGCONT");
      const { status, text } = await answering;
      assert.equal(status, 200, text);
      assert.ok(!/"error_code":504/.test(text), text);
    };
    await Promise.all([
      stalled(undefined, "a"),
      stalled(V2_TEXT, '{"records":[{"value":"a"},{"value":"b"}]}'),
      stalled(NDJSON, '"a"\n"b"\n'),
    ]);
  });

  it("a record that Kafka acknowledged while other requests used the processor is answered 200", async () => {
    const [topic, heavy] = [await broker.topic(), await broker.topic()];
    const gateway = await startWith({
      kafka: { brokers: broker.addresses(), requestTimeout: "5s" },
      http: { deadline: "2500ms" },
      topics: { [heavy]: { key: "$string($sum([1..n].($ * 2)))" } },
    });
    const compute = (n: number) =>
      post(gateway, `/topics/${heavy}`, "application/json", JSON.stringify({ n }));
    assert.equal((await post(gateway, `/topics/${topic}`, undefined, "first")).status, 200);
    // Opens the connections: otherwise, the second computation would begin only after further turns of the event loop.
    await Promise.all([compute(20_000), compute(20_000), compute(20_000)]);
    await compute(50_000);
    const began = performance.now();
    await compute(50_000);
    const perMs = 50_000 / (performance.now() - began);
    delayProduce(broker.dev(), 1000);
    const answering = post(gateway, `/topics/${topic}`, undefined, "a");
    await delay(60);
    // The second computation begins right after the first one, before Kafka's answer, and ends after the deadline.
    await Promise.all([
      compute(Math.round(700 * perMs)),
      delay(300).then(() => compute(Math.round(2000 * perMs))),
    ]);
    const { status, text } = await answering;
    assert.equal(status, 200, text);
  });

  it("records that wait in the queue while the process is stalled are not written after they were refused", async () => {
    const topic = await broker.topic();
    const gateway = await startWith({
      kafka: { brokers: broker.addresses() },
      http: { deadline: "500ms" },
    });
    assert.equal((await post(gateway, `/topics/${topic}`, undefined, "first")).status, 200);
    // The first batch occupies the partition, so that the second waits in the queue.
    delayProduce(broker.dev(), 300);
    let stalled = false;
    broker.dev().faults.produce = () => {
      if (!stalled) setTimeout(() => gateway.child.kill("SIGSTOP"), 100);
      stalled = true;
      return undefined;
    };
    const first = post(gateway, `/topics/${topic}`, undefined, "a");
    await until(() => stalled);
    const second = post(gateway, `/topics/${topic}`, undefined, "b");
    await delay(1000);
    gateway.child.kill("SIGCONT");
    const statuses = [(await first).status, (await second).status];
    broker.dev().faults.clear();
    assert.equal((await post(gateway, `/topics/${topic}`, undefined, "last")).status, 200);
    const stored = await readValues(broker.addresses(), topic);
    assert.deepEqual(statuses, [200, 503]);
    assert.deepEqual(stored, ["first", "a", "last"]);
  });
});

/** A webhook whose sender waits for 100 ms only. */
const impatient: WebhookKind = adapterKind({
  type: "impatient",
  options: object({ topic: string("The topic.", { required: true }) }),
  create: ({ topic }) => ({
    deadlineMs: 100,
    onInvalid: "refuse" as const,
    topics: [topic],
    verify: (delivery) => verifyDelivery(delivery, "content-length", () => true),
    draftsOf: ({ body }) => ({ topic, drafts: [{ key: null, value: body, headers: [] }] }),
  }),
});
