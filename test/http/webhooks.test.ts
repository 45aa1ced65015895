// The route of webhooks, with kinds that only this test registers.

import { strict as assert } from "node:assert";
import http from "node:http";
import { OnrampError } from "../../src/core/errors.ts";
import type { Draft } from "../../src/core/record.ts";
import { compileSchema } from "../../src/core/schemas.ts";
import { type Delivery, verifyDelivery, type WebhookReceiver } from "../../src/core/webhook.ts";
import { startApi } from "../support/api.ts";
import { describeIf } from "../support/broker.ts";
import { post, send } from "../support/http.ts";

/** A kind that takes the key from the payload by an expression. */
const keyed = adapterKind({
  type: "keyed",
  options: object({
    topic: string("The topic.", { required: true }),
    key: expression("The key.", { required: true }),
  }),
  create({ topic, key }, { compile }): WebhookReceiver {
    const compiled = compile("key", key);
    return {
      deadlineMs: 8000,
      onInvalid: "refuse",
      topics: [topic],
      verify: (delivery) => verifyDelivery(delivery, "signature", (given) => given === "valid"),
      async draftsOf({ body }) {
        const made = await compiled.evaluate(JSON.parse(body.toString()), {});
        return { topic, drafts: [{ key: Buffer.from(String(made)), value: body, headers: [] }] };
      },
    };
  },
});

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

  it("an expression that fails on a delivery is answered 400, and nothing is written", async () => {
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), {
      kinds: { webhooks: [keyed] },
      webhooks: { hook: { type: "keyed", topic, key: "$number(id)" } },
    });
    const deliver = (body: string) =>
      post(gateway, "/webhooks/hook", "application/json", body, { signature: "valid" });
    const failed = await deliver('{"id":"not a number"}');
    assert.deepEqual([failed.status, failed.body.error_code], [400, 40001]);
    assert.match(failed.body.detail, /cannot convert the delivery: the expression failed/);
    assert.equal((await deliver('{"id":"7"}')).status, 200);
    const written = await readPartition(broker.addresses(), topic);
    assert.deepEqual(
      written.map(({ key }) => key?.toString()),
      ["7"],
    );
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
