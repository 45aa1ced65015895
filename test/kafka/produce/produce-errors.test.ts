// The errors of records that were not appended, or may not have been.

import { strict as assert } from "node:assert";
import type { OnrampError } from "../../../src/core/errors.ts";
import {
  badRecord,
  deniedWrite,
  largerThanLimit,
  noSuchPartition,
  notWritten,
  refusedByBroker,
  tooLarge,
  unknownOutcome,
} from "../../../src/kafka/produce/produce-errors.ts";

describe("kafka: errors of records without a receipt", () => {
  const rows: readonly [title: string, make: () => OnrampError, code: number, says: readonly RegExp[]][] = [
    ["outcome unknown", () => unknownOutcome("t", 3), 50401, [/t\/3/, /may or may not have been written/]],
    ["outcome unknown, with the last error", () => unknownOutcome("t", 3, "7"), 50401, [/ Last error: 7\.$/]],
    ["not in time", () => notWritten("t", 3, false), 50301, [/t\/3/, /nothing was written/]],
    ["not in time, with the last error", () => notWritten("t", 3, false, "6"), 50301, [/ Last error: 6\.$/]],
    ["too few replicas", () => notWritten("t", 3, true), 50302, [/t\/3/, /nothing was written/]],
    [
      "too few replicas, with the last error",
      () => notWritten("t", 3, true, "19"),
      50302,
      [/ Last error: 19\.$/],
    ],
    ["too large for the broker", () => tooLarge("t", "10"), 41301, [/"t"/, /\(10\)/]],
    ["too large for the topic", () => largerThanLimit("t", 5, 4), 41301, [/5 bytes, but topic "t" allows 4/]],
    ["at fault", () => badRecord("t"), 40001, [/for topic "t"\. Correct/]],
    ["at fault, for a reason", () => badRecord("t", "no key"), 40001, [/for topic "t": no key\. Correct/]],
    ["without the ACL on the topic", () => deniedWrite("t", 29), 40301, [/the ACL "Write" on topic "t"/]],
    [
      "without the ACL on the cluster",
      () => deniedWrite("t", 31),
      40301,
      [/"IdempotentWrite" on the cluster/],
    ],
    ["refused", () => refusedByBroker("t", "76"), 50001, [/"t": 76\. Nothing was written/]],
    [
      "for a partition that is not there",
      () => noSuchPartition("t", 2, 2),
      40402,
      [/no partition 2; .* 0 to 1\.$/],
    ],
  ];
  for (const [title, make, code, says] of rows)
    it(`${title}: ${code}`, () => {
      const error = make();
      assert.equal(error.code, code);
      for (const pattern of says) assert.match(error.message, pattern);
    });

  it("the message has no last error if there is no reason", () => {
    for (const error of [unknownOutcome("t", 0), notWritten("t", 0, false), notWritten("t", 0, true)])
      assert.doesNotMatch(error.message, /Last error|undefined/);
  });
});
