// The message of a record.

import { strict as assert } from "node:assert";
import { compileExpression } from "../../../src/core/expressions.ts";
import { outgoingRecord } from "../../../src/runners/outgoing-record.ts";
import { messageOf } from "../../../src/sinks/slack/message.ts";
import { escaping } from "../../../src/sinks/slack/text.ts";

describe("sinks: the message of a record to Slack", () => {
  it("has a text and a thread of its own for each value, also for large ids and for objects", async () => {
    const expression = escaping(compileExpression("key"));
    const expressions = { text: expression, thread: expression, blocks: undefined };
    const keys = ["9007199254740992", "9007199254740993", '{"a":1}', '{"a":2}', "[1,2]", '"1,2"'];
    const messages = await Promise.all(
      keys.map((key) => {
        const place = { topic: "t", partition: 0, offset: 0, timestamp: 0, key: null, headers: [] };
        return messageOf([outgoingRecord({ ...place, value: Buffer.from(`{"key":${key}}`) })], expressions);
      }),
    );
    const texts = ["9007199254740992", "9007199254740993", '{"a":1}', '{"a":2}', "[1,2]", "1,2"];
    assert.deepEqual(
      messages,
      texts.map((text) => ({ text, thread: text })),
    );
  });
});
