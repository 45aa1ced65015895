// Sends the examples of openapi.yaml. The responses must match its schemas.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { post, send } from "../support/http.ts";

const contract = parse(readFileSync("openapi.yaml", "utf8"));
const ajv = new Ajv2020({ strict: false, formats: { int64: true } });
ajv.addSchema({ $id: "contract", components: contract.components });
const matches = (schema: string, value: unknown): void => {
  const validate = ajv.getSchema(`contract#/components/schemas/${schema}`);
  assert.ok(validate?.(value), `${schema}: ${JSON.stringify(validate?.errors)}`);
};

describe("http: openapi.yaml", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  for (const [type, { examples = {} }] of Object.entries<{ examples?: Record<string, { value: unknown }> }>(
    contract.components.requestBodies.Records.content,
  )) {
    for (const [name, { value }] of Object.entries(examples)) {
      it(`example "${name}" of ${type} is accepted, and the answer matches its schema`, async () => {
        const topic = await broker.topic();
        const sent = typeof value === "string" ? value : JSON.stringify(value);
        const { status, body, text } = await post(gateway(), `/topics/${topic}`, type, sent);
        assert.equal(status, 200);
        if (type === "application/x-ndjson")
          for (const line of text.trim().split("\n")) matches("Receipt", JSON.parse(line));
        else matches(type === "application/json" ? "Receipt" : "Offsets", body);
      });
    }
  }

  it("metadata and problems match their schemas", async () => {
    const topic = await broker.topic({ partitions: 2 });
    matches("Topic", (await send(gateway(), `/topics/${topic}`)).body);
    for (const [path, type, body] of [
      ["/topics/no-such", undefined, "x"],
      [`/topics/${topic}`, "application/vnd.kafka.json.v2+json", '{"records":[{"a":1},{"value":1}]}'],
    ] as const)
      matches("Problem", (await post(gateway(), path, type, body)).body);
  });

  it("names exactly the routes that are served", async () => {
    assert.deepEqual(Object.keys(contract.paths).sort(), [
      "/openapi.yaml",
      "/topics",
      "/topics/{topic}",
      "/topics/{topic}/partitions",
      "/topics/{topic}/partitions/{partition}",
      "/topics/{topic}/schema",
      "/webhooks/{name}",
    ]);
    for (const path of ["/topics", "/openapi.yaml"]) assert.equal((await send(gateway(), path)).status, 200);
  });
});
