// openapi-generator's client for TypeScript (typescript-fetch): produces with it, as test/clients/README.md describes.

import { strict as assert } from "node:assert";
import { Configuration, ProblemFromJSON, ProduceApi, ResponseError } from "./generated/typescript-fetch/index.ts";

const { ONRAMP_URL: basePath = "", ONRAMP_TOKEN: token = "", ONRAMP_TOPIC: topic = "" } = process.env;

// docs: begin
const onramp = new ProduceApi(new Configuration({ basePath, accessToken: token }));
const withHeader = async ({ init }: { init: { headers?: object } }) => ({
  headers: { ...init.headers, "Kafka-Header-client": "typescript-fetch" },
});
const order = { orderId: "o-1", total: 12.5 };
const receipt = await onramp.produce({ topic, key: "o-1", body: order }, withHeader);
console.log(receipt.partition, receipt.offset);

const headers = [{ key: "client", value: btoa("typescript-fetch") }];
const records = [{ key: "o-2", value: { orderId: "o-2" }, headers }, { key: "o-1", value: null }];
const outcomes = await onramp.produceBatch({ topic, batch: { records } });
try {
  await onramp.produce({ topic, body: { total: 1 } });
} catch (error) {
  if (!(error instanceof ResponseError)) throw error;
  const problem = ProblemFromJSON(await error.response.json());
  console.log(problem.status, problem.errorCode, problem.errors?.[0]?.pointer);
}
// docs: end

assert.deepEqual([receipt.topic, receipt.offset], [topic, 0]);
assert.deepEqual(
  outcomes.offsets.map(({ offset, errorCode }) => [offset, errorCode]),
  [[1, null], [2, null]],
);

const problemOf = (api: ProduceApi) =>
  api.produce({ topic, body: { total: 1 } }).then(
    () => assert.fail("an order without an orderId was accepted"),
    async (error: unknown) => {
      assert.ok(error instanceof ResponseError, String(error));
      return ProblemFromJSON(await error.response.json());
    },
  );
const { status, errorCode, errors: [violation] = [] } = await problemOf(onramp);
assert.deepEqual([status, errorCode, violation?.pointer, violation?.keyword], [422, 42206, "", "required"]);

const basic = new ProduceApi(new Configuration({ basePath, username: "any", password: token }));
const lines = '{"orderId":"o-3"}\n{"orderId":"o-4","total":1.0}\n';
const answer = await basic.produceLines({ topic, key: "o-3", body: lines }, withHeader);
assert.deepEqual((await answer.text()).trim().split("\n").map((line) => JSON.parse(line).offset), [3, 4]);

const refused = await problemOf(new ProduceApi(new Configuration({ basePath, accessToken: "wrong" })));
assert.deepEqual([refused.status, refused.errorCode], [401, 40101]);
