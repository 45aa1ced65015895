// Deliveries of webhooks, without Kafka and without a sender's signature.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import type { Draft } from "../../src/core/record.ts";
import { compileSchema } from "../../src/core/schemas.ts";
import { type Delivery, verifyDelivery, type WebhookReceiver } from "../../src/core/webhook.ts";
import { startApi } from "../support/api.ts";
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

describe("http: webhooks", () => {
  it("answer with the number of records, only after they are appended", async () => {
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

  it("write nothing from an unsigned delivery: 401, and the bytes are released", async () => {
    const api = await startApi({ webhooks: receiver(["a"]).webhooks });
    const { status, body } = await post(api, "/webhooks/w", undefined, "body", { "x-sign": "no" });
    assert.deepEqual([status, body.error_code, api.appends.length, api.budget.used], [401, 40101, 0, 0]);
  });

  it("acknowledge a delivery without records", async () => {
    const api = await startApi({ webhooks: receiver([]).webhooks });
    const { status, body } = await post(api, "/webhooks/w", undefined, "body", signed);
    assert.deepEqual([status, body, api.appends.length, api.budget.used], [200, { produced: 0 }, 0, 0]);
  });

  it("answer with the error of a record, so that the sender retries", async () => {
    const api = await startApi({ webhooks: receiver(["a", "b"]).webhooks, waits: true });
    const work = post(api, "/webhooks/w", undefined, "body", signed);
    (await api.append(1)).resolve({ 1: new OnrampError(50401, "nobody knows") });
    const { status, body } = await work;
    assert.deepEqual([status, body.error_code, api.budget.used], [504, 50401, 0]);
  });

  it("accept only POST, and only for configured names: 404", async () => {
    const api = await startApi({ webhooks: receiver(["a"]).webhooks });
    const other = await post(api, "/webhooks/other", undefined, "body", signed);
    assert.deepEqual([other.status, other.body.error_code], [404, 40403]);
    assert.equal((await send(api, "/webhooks/w", { headers: signed })).status, 404);
  });

  it("have the same limit for a body as the API: 413", async () => {
    const api = await startApi({ webhooks: receiver(["a"]).webhooks, maxBody: 3 });
    assert.equal((await post(api, "/webhooks/w", undefined, "body", signed)).status, 413);
  });

  const rules = { schema: compileSchema({ type: "object" }, "s"), key: undefined, tombstones: true };
  const topics = new Map([["t", rules]]);

  it("refuse a delivery that does not match the schema of its topic: 422", async () => {
    const api = await startApi({ webhooks: receiver(["1"]).webhooks, topics });
    assert.equal((await post(api, "/webhooks/w", undefined, "body", signed)).status, 422);
    assert.equal(api.appends.length, 0);
  });

  it("write an invalid delivery to the dead-letter topic, with their name, if configured", async () => {
    const { webhooks } = receiver(["1"], { onInvalid: "dead-letter" });
    const api = await startApi({ webhooks, topics });
    const { body } = await post(api, "/webhooks/w", undefined, "body", signed);
    const [append] = api.appends;
    assert.deepEqual([body, append?.topic, append?.values], [{ produced: 1 }, "t.dead-letter", ["1"]]);
    const headers = append?.records[0]?.headers.map(({ value }) => `${value}`) ?? [];
    assert.ok(headers.includes("w"), headers.join());
  });
});
