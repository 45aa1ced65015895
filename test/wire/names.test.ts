// Names of topics and of Kafka's errors.

import { strict as assert } from "node:assert";
import { createRequire } from "node:module";
import { isRetriable, KafkaCode, kafkaErrorName } from "../../src/wire/error-codes.ts";
import { isTopicName } from "../../src/wire/topic-name.ts";

const require = createRequire(import.meta.url);

describe("wire: names", () => {
  it("of topics have 1 to 249 letters, digits, dots, underscores and hyphens", () => {
    for (const name of ["a", "Z.9_-", "...", ".a", "x".repeat(249)]) assert.ok(isTopicName(name), name);
    for (const name of ["", ".", "..", "a b", "a/b", "é", "a\n", "\na", "x".repeat(250)])
      assert.ok(!isTopicName(name), name);
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
