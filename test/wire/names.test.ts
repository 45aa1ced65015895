// Names of topics and of Kafka's errors.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parse } from "yaml";
import { isTopicName as isTopicNameOfCore } from "../../src/core/topics.ts";
import { isRetriable, KafkaCode, kafkaErrorName } from "../../src/wire/error-codes.ts";
import { isTopicName } from "../../src/wire/topic-name.ts";

const require = createRequire(import.meta.url);

describe("wire: names", () => {
  it("of topics have 1 to 249 letters, digits, dots, underscores and hyphens", () => {
    const [document, compat] = ["openapi.yaml", "openapi-compat.yaml"].map((file) =>
      parse(readFileSync(path.join(import.meta.dirname, "../..", file), "utf8")),
    );
    const patterns = [document, compat].map((each) => each.components.parameters.TopicName.schema.pattern);
    patterns.push(document.components.schemas.TicketRequest.properties.topics.items.pattern);
    patterns.push(document.paths["/topics/{topics}/events"].parameters[0].schema.pattern);
    const rules = [
      isTopicName,
      isTopicNameOfCore,
      ...patterns.map((each) => (name: string) => RegExp(each).test(name)),
    ];
    const valid = [
      "a",
      "Z.9_-",
      "...",
      ".a",
      "..a",
      "a..",
      "x".repeat(249),
      `.${"x".repeat(248)}`,
      `..${"x".repeat(247)}`,
    ];
    const invalid = [
      "",
      ".",
      "..",
      "a b",
      "a/b",
      "é",
      "a\n",
      "\na",
      "x".repeat(250),
      `.${"x".repeat(249)}`,
      ".".repeat(250),
    ];
    for (const [at, isValid] of rules.entries()) {
      for (const name of valid) assert.ok(isValid(name), `rule ${at}: ${name}`);
      for (const name of invalid) assert.ok(!isValid(name), `rule ${at}: ${name}`);
    }
  });

  it("of errors follow their code; the table says whether a retry may succeed", () => {
    assert.equal(kafkaErrorName(KafkaCode.NOT_ENOUGH_REPLICAS), "19 NOT_ENOUGH_REPLICAS");
    assert.equal(kafkaErrorName(-1), "-1 UNKNOWN_SERVER_ERROR");
    assert.equal(kafkaErrorName(999), "999 (see Kafka's protocol guide)");
    assert.deepEqual([0, 3, 10, 999, -1].map(isRetriable), [false, true, false, false, false]);
  });

  it("of errors, their codes and their retriability are the same as in kafkajs", () => {
    const { errorCodes } = require("kafkajs/src/protocol/error.js");
    const others = new Map(
      (errorCodes as { type: string; code: number; retriable: boolean }[]).map((each) => [each.type, each]),
    );
    const differing = Object.entries(KafkaCode).filter(([name, code]) => {
      const other = others.get(name);
      return other !== undefined && (other.code !== code || other.retriable !== isRetriable(code));
    });
    // A code that kafkajs does not know is not compared.
    assert.deepEqual(
      differing.map(([name]) => name),
      [],
    );
  });
});
