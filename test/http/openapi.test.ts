// Sends the examples of the contract. The responses must match its schemas.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { NDJSON, post, send, V2_JSON } from "../support/http.ts";

const FILES = ["openapi.yaml", "openapi-compat.yaml"] as const;
// biome-ignore lint/suspicious/noExplicitAny: tests read members freely and assert on them
type Document = any;
const contracts = new Map<string, Document>(FILES.map((file) => [file, parse(readFileSync(file, "utf8"))]));
const [contract, compat] = FILES.map((file) => contracts.get(file));
const FORMATS = ["int32", "int64", "byte", "binary", "jsonata", "date-time"];
const ajv = new Ajv2020({
  strict: false,
  formats: Object.fromEntries(FORMATS.map((format) => [format, true])),
});
for (const [file, { components }] of contracts) ajv.addSchema({ $id: file, components });
const matches = (file: string, schema: string, value: unknown): void => {
  const validate = ajv.getSchema(`${file}#/components/schemas/${schema}`);
  assert.ok(validate?.(value), `${schema}: ${JSON.stringify(validate?.errors)}`);
};
/** Returns an object of a document, or the one that its `$ref` points to. */
const resolved = (document: Document, node: Document): Document => {
  const path: string | undefined = node?.$ref;
  return path === undefined
    ? node
    : path
        .slice(2)
        .split("/")
        .reduce((parent, name) => parent[name], document);
};

/** The examples of the bodies of the operations that produce. */
function* examples(document: Document) {
  for (const [path, { post: operation }] of Object.entries<Document>(document.paths)) {
    if (!path.startsWith("/topics/") || !operation) continue;
    const { content } = resolved(document, operation.requestBody);
    for (const [type, { examples: several = {}, example }] of Object.entries<Document>(content)) {
      if (example !== undefined) yield { path, type, name: "the example", value: example };
      for (const [name, given] of Object.entries<Document>(several))
        yield { path, type, name, value: resolved(document, given).value };
    }
  }
}

/** The schema of each answer, by its content type. */
const ANSWERS: Readonly<Record<string, string>> = {
  "application/json Receipt": "Receipt",
  "application/json RecordOutcomes": "RecordOutcomes",
  "application/vnd.kafka.v2+json Offsets": "Offsets",
};

describe("http: the contract", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { tickets: { secret: "a secret of at least 32 characters" } } }),
  );

  for (const [file, document] of contracts)
    for (const { path, type, name, value } of examples(document))
      it(`${file}: "${name}" of ${type} on ${path} is accepted, and the answer matches its schema`, async () => {
        const topic = await broker.topic();
        const sent = typeof value === "string" ? value : JSON.stringify(value);
        const target = path.replace("{topic}", topic).replace("{partition}", "0");
        const { status, headers, body, text } = await post(gateway(), target, type, sent);
        assert.equal(status, 200, text);
        const answerType = headers.get("content-type") ?? "";
        const answer = resolved(document, document.paths[path].post.responses["200"]).content[answerType];
        if (answerType === NDJSON)
          for (const line of text.trim().split("\n")) matches(file, "Receipt", JSON.parse(line));
        else {
          const schema = ANSWERS[`${answerType} ${answer.schema.$ref.split("/").at(-1)}`];
          matches(file, schema ?? "", body);
        }
      });

  const tickets = contract.paths["/tickets"].post.requestBody.content["application/json"];
  for (const [name, { value }] of Object.entries<{ value: unknown }>(tickets.examples))
    it(`example "${name}" of tickets is accepted, and the answer matches its schema`, async () => {
      matches("openapi.yaml", "TicketRequest", value);
      const sent = JSON.stringify(value);
      const { status, body } = await post(gateway(), "/tickets", "application/json", sent);
      assert.equal(status, 200);
      matches("openapi.yaml", "IssuedTicket", body);
    });

  it("metadata and problems match their schemas", async () => {
    const topic = await broker.topic({ partitions: 2 });
    matches("openapi.yaml", "Topic", (await send(gateway(), `/topics/${topic}`)).body);
    for (const [path, type, body] of [
      ["/topics/no-such", undefined, "x"],
      [`/topics/${topic}`, V2_JSON, '{"records":[{"a":1},{"value":1}]}'],
      [`/topics/${topic}/batch`, "application/json", '{"records":[{"a":1},{"value":1}]}'],
    ] as const)
      for (const file of FILES) matches(file, "Problem", (await post(gateway(), path, type, body)).body);
  });

  for (const file of FILES)
    it(`${file} is served as it is`, async () => {
      const { headers, text } = await send(gateway(), `/${file}`);
      const { content } = contract.paths[`/${file}`].get.responses["200"];
      assert.deepEqual(Object.keys(content), [headers.get("content-type")?.split(";")[0]]);
      assert.equal(text, readFileSync(file, "utf8"));
    });

  it("both documents describe shared components identically", () => {
    for (const part of ["schemas", "headers", "securitySchemes"])
      for (const [name, shared] of Object.entries(compat.components[part]))
        if (name in contract.components[part] && name !== "Lines")
          assert.deepEqual(shared, contract.components[part][name], name);
  });

  it("the schemas of query parameters agree with the gateway", async () => {
    const topic = await broker.topic();
    const declared = new Ajv2020({ strict: false, formats: { int64: true, "date-time": true } });
    declared.addSchema({ $id: "compat", components: compat.components });
    for (const { name, schema } of Object.values<Document>(compat.components.parameters))
      declared.addSchema({ ...JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"compat#/')), $id: name });
    for (const [name, values] of Object.entries({
      partition: ["0", "-1", "2147483648"],
      timestamp: ["0", "-1", "8640000000000001", "2001-02-03T04:05:06Z", "1969-12-31T00:00:00Z", "now"],
      onError: ["continue", "stop", "no", ""],
    }))
      for (const value of values) {
        const given = /^-?\d+$/.test(value) ? Number(value) : value;
        const { status } = await post(gateway(), `/topics/${topic}?${name}=${value}`, NDJSON, "1");
        assert.equal(status === 200, declared.getSchema(name)?.(given), `${name}=${value}`);
      }
  });

  it("names exactly the routes that are served", async () => {
    assert.deepEqual(Object.keys(contract.paths).sort(), [
      "/openapi-compat.yaml",
      "/openapi.yaml",
      "/tickets",
      "/topics",
      "/topics/{topics}/events",
      "/topics/{topic}",
      "/topics/{topic}/batch",
      "/topics/{topic}/lines",
      "/topics/{topic}/partitions",
      "/topics/{topic}/partitions/{partition}",
      "/topics/{topic}/schema",
      "/webhooks/{name}",
    ]);
    assert.ok(Object.keys(compat.paths).every((path) => path in contract.paths));
    for (const path of ["/topics", "/openapi.yaml"]) assert.equal((await send(gateway(), path)).status, 200);
  });

  it("has one body shape per operation, and names the schemas of objects, so that generated clients compile", () => {
    for (const [path, { post: operation }] of Object.entries<Document>(contract.paths)) {
      if (!operation) continue;
      const { content } = resolved(contract, operation.requestBody);
      assert.ok(!Object.keys(content).some((type) => type.includes("vnd.kafka")), path);
      assert.equal(
        Object.keys(content).length > 1,
        /^\/topics\/\{topic\}(\/partitions\/.*)?$/.test(path),
        path,
      );
    }
    for (const [name, schema] of Object.entries<Document>(contract.components.schemas)) {
      const members = Object.keys(schema.properties ?? {});
      assert.ok(!members.some((member) => member.toLowerCase() === name.toLowerCase()), name);
      assert.ok(!(name in contract.components.parameters), `${name} is also a parameter`);
      for (const [member, { type, items }] of Object.entries<Document>(schema.properties ?? {})) {
        const inline =
          type === "object" ? "properties" in schema.properties[member] : items?.type === "object";
        assert.ok(!inline, `${name}.${member} has a schema without a name`);
      }
    }
    assert.doesNotMatch(readFileSync("openapi.yaml", "utf8"), /\bdefault: (?!\{ \$ref)|"null"/);
  });
});
