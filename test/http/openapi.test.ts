// Sends the examples of openapi.yaml. The responses must match its schemas.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { NDJSON, post, send, V2_JSON } from "../support/http.ts";

const contract = parse(readFileSync("openapi.yaml", "utf8"));
const ajv = new Ajv2020({ strict: false, formats: { int64: true, jsonata: true, "date-time": true } });
ajv.addSchema({ $id: "contract", components: contract.components });
const matches = (schema: string, value: unknown): void => {
  const validate = ajv.getSchema(`contract#/components/schemas/${schema}`);
  assert.ok(validate?.(value), `${schema}: ${JSON.stringify(validate?.errors)}`);
};

describe("http: openapi.yaml", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { tickets: { secret: "a secret of at least 32 characters" } } }),
  );

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

  const tickets = contract.components.requestBodies.TicketRequest.content["application/json"];
  for (const [name, { value }] of Object.entries<{ value: unknown }>(tickets.examples))
    it(`example "${name}" of tickets is accepted, and the answer matches its schema`, async () => {
      matches("TicketRequest", value);
      const sent = JSON.stringify(value);
      const { status, body } = await post(gateway(), "/tickets", "application/json", sent);
      assert.equal(status, 200);
      matches("Ticket", body);
    });

  it("metadata and problems match their schemas", async () => {
    const topic = await broker.topic({ partitions: 2 });
    matches("Topic", (await send(gateway(), `/topics/${topic}`)).body);
    for (const [path, type, body] of [
      ["/topics/no-such", undefined, "x"],
      [`/topics/${topic}`, "application/vnd.kafka.json.v2+json", '{"records":[{"a":1},{"value":1}]}'],
    ] as const)
      matches("Problem", (await post(gateway(), path, type, body)).body);
  });

  it("the document that is served matches the schema that it has for itself", async () => {
    const { content } = contract.paths["/openapi.yaml"].get.responses["200"];
    const { headers, text } = await send(gateway(), "/openapi.yaml");
    assert.deepEqual(Object.keys(content), [headers.get("content-type")?.split(";")[0]]);
    assert.ok(ajv.validate(content["application/yaml"].schema, parse(text)), JSON.stringify(ajv.errors));
  });

  it("the schemas of query parameters agree with the gateway", async () => {
    const topic = await broker.topic();
    const { Key, PartitionQuery, Timestamp, OnError } = contract.components.parameters;
    const declared = new Ajv2020({ strict: false });
    declared.addFormat("date-time", true);
    declared.addSchema({ $id: "contract", components: contract.components });
    for (const { name, schema } of [Key, PartitionQuery, Timestamp, OnError])
      declared.addSchema({
        ...JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"contract#/')),
        $id: name,
      });
    for (const [name, values] of Object.entries({
      partition: ["0", "-1", "2147483648"],
      timestamp: ["0", "-1", "8640000000000001", "2001-02-03T04:05:06Z", "1969-12-31T00:00:00Z", "now"],
      onError: ["continue", "stop", "no"],
    }))
      for (const value of values) {
        const given = /^-?\d+$/.test(value) ? Number(value) : value;
        const { status } = await post(gateway(), `/topics/${topic}?${name}=${value}`, NDJSON, "1");
        assert.equal(status === 200, declared.getSchema(name)?.(given), `${name}=${value}`);
      }
    for (const [type, query] of [
      [V2_JSON, "key=k"],
      [V2_JSON, "onError=continue"],
      ["application/json", "onError=continue"],
    ] as const)
      assert.equal(
        (await post(gateway(), `/topics/${topic}?${query}`, type, '{"records":[{}]}')).status,
        400,
      );
  });

  it("names exactly the routes that are served", async () => {
    assert.deepEqual(Object.keys(contract.paths).sort(), [
      "/openapi.yaml",
      "/tickets",
      "/topics",
      "/topics/{topics}/events",
      "/topics/{topic}",
      "/topics/{topic}/partitions",
      "/topics/{topic}/partitions/{partition}",
      "/topics/{topic}/schema",
      "/webhooks/{name}",
    ]);
    for (const path of ["/topics", "/openapi.yaml"]) assert.equal((await send(gateway(), path)).status, 200);
  });
});
