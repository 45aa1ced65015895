// Deliveries of webhooks, without Kafka and without a sender's signature.

import { strict as assert } from "node:assert";
import http from "node:http";
import { OnrampError } from "../../src/core/errors.ts";
import type { Draft } from "../../src/core/record.ts";
import { compileSchema } from "../../src/core/schemas.ts";
import { type Delivery, verifyDelivery, type WebhookReceiver } from "../../src/core/webhook.ts";
import { startApi } from "../support/api.ts";
import { describeIf } from "../support/broker.ts";
import { post, send } from "../support/http.ts";

const draft = (value: string): Draft => ({ key: null, value: Buffer.from(value), headers: [] });

/** A webhook `w` that writes these values to `t`, for deliveries whose `x-sign` is `yes`. */
function receiver(values: readonly string[], more: Partial<WebhookReceiver> = {}) {
  const deliveries: Delivery[] = [];
  const made: WebhookReceiver = {
    deadlineMs: 5000,
    onInvalid: "refuse",
    topics: ["t"],
    verify(delivery) {
      deliveries.push(delivery);
      return verifyDelivery(delivery, "x-sign", (signature) => signature === "yes");
    },
    draftsOf: () => ({ topic: "t", drafts: values.map(draft) }),
    ...more,
  };
  return { webhooks: new Map([["w", made]]), deliveries };
}
const signed = { "x-sign": "yes" };

describe("http: webhooks", function () {
  this.timeout(2000);

  it("answer with the number of records when the log has them, and not before", async () => {
    const { webhooks, deliveries } = receiver(["a", "b"]);
    const api = await startApi({ webhooks, waits: true });
    const before = Date.now();
    const work = post(api, "/webhooks/w", undefined, "body", signed);
    const append = await api.append(1);
    assert.deepEqual([append.topic, append.values, api.budget.used], ["t", ["a", "b"], 4]);
    append.resolve();
    const { status, body } = await work;
    assert.deepEqual([status, body, api.budget.used], [200, { produced: 2 }, 0]);
    const [delivery] = deliveries;
    assert.deepEqual([`${delivery?.body}`, delivery?.headers["x-sign"]], ["body", "yes"]);
    const at = delivery?.receivedAt.getTime() ?? 0;
    assert.ok(at >= before && at <= Date.now());
    assert.equal(append.options.deadline, at + 5000);
  });

  it("write nothing of a delivery that is not signed: 401, and the bytes are given back", async () => {
    const api = await startApi({ webhooks: receiver(["a"]).webhooks });
    const { status, body } = await post(api, "/webhooks/w", undefined, "body", { "x-sign": "no" });
    assert.deepEqual([status, body.error_code, api.appends.length, api.budget.used], [401, 40101, 0, 0]);
  });

  it("acknowledge a delivery of which nothing is to be written", async () => {
    const api = await startApi({ webhooks: receiver([]).webhooks });
    const { status, body } = await post(api, "/webhooks/w", undefined, "body", signed);
    assert.deepEqual([status, body, api.appends.length, api.budget.used], [200, { produced: 0 }, 0, 0]);
  });

  it("answer with the failure of a record, so that the sender sends it again", async () => {
    const api = await startApi({ webhooks: receiver(["a", "b"]).webhooks, waits: true });
    const work = post(api, "/webhooks/w", undefined, "body", signed);
    (await api.append(1)).resolve({ 1: new OnrampError(50401, "nobody knows") });
    const { status, body } = await work;
    assert.deepEqual([status, body.error_code, api.budget.used], [504, 50401, 0]);
  });

  it("are those that are configured, by POST alone: 404, 405", async () => {
    const api = await startApi({ webhooks: receiver(["a"]).webhooks });
    const other = await post(api, "/webhooks/other", undefined, "body", signed);
    assert.deepEqual([other.status, other.body.error_code], [404, 40403]);
    assert.equal((await send(api, "/webhooks/w", { headers: signed })).status, 405);
  });

  it("take no larger body than the API: 413", async () => {
    const api = await startApi({ webhooks: receiver(["a"]).webhooks, maxBody: 3 });
    assert.equal((await post(api, "/webhooks/w", undefined, "body", signed)).status, 413);
  });

  const rules = { schema: compileSchema({ type: "object" }, "s"), key: undefined, tombstones: true };
  const topics = new Map([["t", rules]]);

  it("refuse what does not match the schema of its topic: 422", async () => {
    const api = await startApi({ webhooks: receiver(["1"]).webhooks, topics });
    assert.equal((await post(api, "/webhooks/w", undefined, "body", signed)).status, 422);
    assert.equal(api.appends.length, 0);
  });

  it("write it to the dead-letter topic in their own name where that is configured", async () => {
    const { webhooks } = receiver(["1"], { onInvalid: "dead-letter" });
    const api = await startApi({ webhooks, topics });
    const { body } = await post(api, "/webhooks/w", undefined, "body", signed);
    const [append] = api.appends;
    assert.deepEqual([body, append?.topic, append?.values], [{ produced: 1 }, "t.dead-letter", ["1"]]);
    const headers = append?.records[0]?.headers.map(({ value }) => `${value}`) ?? [];
    assert.ok(headers.includes("w"), headers.join());
  });
});

// Other systems have one loopback address alone.
describeIf(process.platform === "linux", "http: webhooks of several senders", function () {
  this.timeout(2000);

  it("share the budget by the address that a delivery comes from", async () => {
    const api = await startApi({ webhooks: receiver(["a"]).webhooks, waits: true, budget: 10 });
    const deliver = (localAddress: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const options = { method: "POST", localAddress, headers: signed };
        http
          .request(`${api.apiUrl}/webhooks/w`, options, (response) => resolve(response.resume().statusCode))
          .on("error", reject)
          .end("12345");
      });
    const one = deliver("127.0.0.1");
    await api.append(1);
    assert.equal(await deliver("127.0.0.1"), 429);
    const other = deliver("127.0.0.2");
    (await api.append(2)).resolve();
    (await api.append(1)).resolve();
    assert.deepEqual([await one, await other], [200, 200]);
  });
});
