// openapi-fetch, with types of openapi-typescript: produces with it, as test/clients/README.md describes.

import { strict as assert } from "node:assert";
import createClient from "openapi-fetch";
import type { paths } from "./generated/openapi-fetch/onramp.ts";

const { ONRAMP_URL: baseUrl = "", ONRAMP_TOKEN: token = "", ONRAMP_TOPIC: topic = "" } = process.env;

// docs: begin
const onramp = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });
const params = { path: { topic } };

const { data: receipt } = await onramp.POST("/topics/{topic}", {
  params: { ...params, query: { key: "o-1" } },
  headers: { "kafka-header-client": "openapi-fetch" },
  body: { orderId: "o-1", total: 12.5 },
});
console.log(receipt?.partition, receipt?.offset);

const headers = [{ key: "client", value: btoa("openapi-fetch") }];
const records = [{ key: "o-2", value: { orderId: "o-2" }, headers }, { key: "o-1", value: null }];
const { data: outcomes } = await onramp.POST("/topics/{topic}/batch", { params, body: { records } });

const { error: problem } = await onramp.POST("/topics/{topic}", { params, body: { total: 1 } });
console.log(problem?.status, problem?.error_code, problem?.errors?.[0]?.pointer);
// docs: end

assert.deepEqual([receipt?.topic, receipt?.offset], [topic, 0]);
assert.deepEqual(
  outcomes?.offsets.map(({ offset, error_code }) => [offset, error_code]),
  [[1, null], [2, null]],
);
const [violation] = problem?.errors ?? [];
assert.deepEqual([problem?.status, problem?.error_code, violation?.pointer, violation?.keyword], [422, 42206, "", "required"]);

const { data: answer } = await onramp.POST("/topics/{topic}/lines", {
  params: { ...params, query: { key: "o-3" } },
  headers: {
    authorization: `Basic ${btoa(`any:${token}`)}`,
    "content-type": "application/x-ndjson",
    "kafka-header-client": "openapi-fetch",
  },
  body: '{"orderId":"o-3"}\n{"orderId":"o-4","total":1.0}\n',
  bodySerializer: (lines) => lines,
  parseAs: "text",
});
assert.deepEqual(answer?.trim().split("\n").map((line) => JSON.parse(line).offset), [3, 4]);

const wrong = { authorization: "Bearer wrong" };
const { error: refused } = await onramp.POST("/topics/{topic}", { params, headers: wrong, body: {} });
assert.deepEqual([refused?.status, refused?.error_code], [401, 40101]);
