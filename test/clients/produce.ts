// A client generated from openapi.yaml produces a record on a running gateway and reads its receipt.

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/onramp.ts";

type Receipt = components["schemas"]["Receipt"];
type Offsets = components["schemas"]["Offsets"];

const root = path.resolve(import.meta.dirname, "../..");
const env = { ...process.env, ONRAMP_PORT: "0", ONRAMP_ADMIN_PORT: "0", ONRAMP_DEV_BROKER_PORT: "0" };
const gateway = spawn(process.execPath, ["dist/main.js", "start", "--dev"], { cwd: root, env, stdio: ["ignore", "pipe", "ignore"] });
let passed = 0;
try {
  const client = createClient<paths>({ baseUrl: await apiUrl() });

  const raw = await client.POST("/topics/{topic}", {
    params: { path: { topic: "orders" }, query: { key: "o-1" } },
    body: { orderId: "o-1" },
  });
  const receipt = raw.data as Receipt;
  assert.deepEqual([receipt.topic, receipt.partition, receipt.offset], ["orders", 0, 0]);
  passed++;

  const envelope = await client.POST("/topics/{topic}", {
    params: { path: { topic: "orders" } },
    headers: { "content-type": "application/vnd.kafka.json.v2+json" },
    body: { records: [{ value: 1 }, { value: null }] },
  });
  assert.deepEqual((envelope.data as Offsets).offsets.map(({ offset }) => offset), [1, 2]);
  passed++;

  const missing = await client.POST("/topics/{topic}", { params: { path: { topic: "no-such" } }, body: {} });
  assert.equal(missing.error?.error_code, 40401);
  passed++;

  const topic = await client.GET("/topics/{topic}", { params: { path: { topic: "orders" } } });
  assert.equal(topic.data?.partitions.length, 1);
  passed++;
} finally {
  const ended = once(gateway, "exit");
  gateway.kill("SIGTERM");
  await ended;
}
console.log(`clients: ${passed} passed, 0 failed`);

async function apiUrl(): Promise<string> {
  for await (const chunk of gateway.stdout) {
    const url = /"api":"([^"]+)"/.exec(String(chunk))?.[1];
    if (url) return url;
  }
  throw new Error("the gateway did not start; has `npm run build` been run?");
}
