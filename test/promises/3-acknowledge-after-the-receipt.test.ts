// Promise 3: a client and GitHub get their 2xx only after Kafka has the record.

import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { type Answer, post, V2_JSON } from "../support/http.ts";
import { readValues } from "../support/read-back.ts";
import { until } from "../support/until.ts";

const SECRET = "It's a Secret to Everybody";
const VALUE = '{"action":"opened"}';

describeOnDevBroker("promise 3: acknowledge after the receipt", () => {
  const broker = useBroker();
  let hooks: string;
  before(async () => {
    hooks = await broker.topic();
  });
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ webhooks: { github: { type: "github", secrets: [SECRET], topic: hooks } } }),
  );
  const to = (topic: string, type: string, body = VALUE) => post(gateway(), `/topics/${topic}`, type, body);
  const deliver = (): Promise<Answer> =>
    post(gateway(), "/webhooks/github", "application/json", VALUE, {
      "x-github-event": "issues",
      "x-github-delivery": "d-1",
      "x-github-hook-id": "42",
      "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(VALUE).digest("hex")}`,
    });
  const clients: readonly [name: string, send: (topic: string) => Promise<Answer>][] = [
    ["a raw record", (topic) => to(topic, "application/json")],
    ["an envelope", (topic) => to(topic, V2_JSON, `{"records":[{"value":${VALUE}}]}`)],
    ["a stream of lines", (topic) => to(topic, "application/x-ndjson", `${VALUE}\n`)],
    ["a GitHub delivery", deliver],
  ];

  for (const [name, send] of clients)
    it(`${name} is not answered while Kafka has not acknowledged it, and is written when it is answered`, async () => {
      const topic = send === deliver ? hooks : await broker.topic();
      let [tries, acknowledges, answered] = [0, false, false];
      broker.dev().faults.produce = () => {
        tries++;
        return acknowledges ? undefined : { append: false, errorCode: 7 };
      };
      const answer = send(topic).finally(() => (answered = true));
      await until(() => tries >= 3);
      assert.equal(answered, false);
      acknowledges = true;
      const { status, text } = await answer;
      assert.equal(status, 200);
      assert.ok(!text.includes('error_code":5'), text);
      assert.deepEqual(await readValues(broker.addresses(), topic), [VALUE]);
    });
});
