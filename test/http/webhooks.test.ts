// The route of webhooks, with kinds that only this test registers.

import { strict as assert } from "node:assert";
import { adapterKind } from "../../src/core/adapter.ts";
import { expression, object, string } from "../../src/core/options.ts";
import { verifyDelivery, type WebhookReceiver } from "../../src/core/webhook.ts";
import { useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { post } from "../support/http.ts";
import { readPartition } from "../support/read-back.ts";

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

describe("http: webhooks", () => {
  const broker = useBroker();

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
