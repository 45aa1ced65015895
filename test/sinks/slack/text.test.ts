// The escaping in the text of Slack messages.

import { strict as assert } from "node:assert";
import { compileExpression } from "../../../src/core/expressions.ts";
import type { OutgoingRecord } from "../../../src/core/sink.ts";
import { escaping } from "../../../src/sinks/slack/text.ts";

describe("sinks: the text of Slack messages", () => {
  const record = (parsed: unknown): OutgoingRecord => ({
    topic: "t",
    partition: 0,
    offset: 0,
    timestamp: 0,
    key: Buffer.from("<!here>"),
    value: null,
    headers: [{ key: "from", value: Buffer.from("<@U1>") }],
    parsed,
  });
  const made = (source: string, value: unknown) =>
    escaping(compileExpression(source)).evaluate(record(value));

  it("escapes text from the record, and not the text that the expression contains", async () => {
    const evil = {
      title: "<!channel> & <https://evil.example|GitHub>",
      "<!here>": 1,
      code: "PCFjaGFubmVsPg==",
      uri: "%3C!here%3E",
    };
    for (const [source, text] of [
      ["'*New:* ' & title", "*New:* &lt;!channel&gt; &amp; &lt;https://evil.example|GitHub&gt;"],
      ["$key & $headers.from", "&lt;!here&gt;&lt;@U1&gt;"],
      ["$keys($)[1]", "&lt;!here&gt;"],
      ["$base64decode(code)", "&lt;!channel&gt;"],
      ["$decodeUrlComponent(uri)", "&lt;!here&gt;"],
      ["'<!here> ' & $mention('U123') & $mention('channel')", "<!here> <@U123>channel"],
      [
        "$link('https://example.com/?a=1', title)",
        "<https://example.com/?a=1|&lt;!channel&gt; &amp; &lt;https://evil.example¦GitHub&gt;>",
      ],
      ["$link('javascript:alert(1)', 'x')", "x"],
    ] as const)
      assert.equal(await made(source, evil), text, source);
    await assert.rejects(async () => made("$eval(title)", evil));
    const escaped = (await made("$string($)", evil)) as string;
    assert.ok(!/[<>]/.test(escaped), escaped);
  });

  it("prints values that differ differently in links and mentions, or refuses them", async () => {
    const value = { id: "9007199254740993", parts: [{ a: 1 }], small: 9007199254741 };
    for (const [source, text] of [
      ["$link('https://e.example/' & id, id)", "<https://e.example/9007199254740993|9007199254740993>"],
      ["$link('https://e.example', parts)", '<https://e.example|[{"a":1}]>'],
      ["$mention(id)", "9007199254740993"],
      ["$link('https://e.example', nothing)", "<https://e.example>"],
    ] as const)
      assert.equal(await made(source, value), text, source);
    for (const source of ["$link('https://e.example', small * 1000)", "$mention(small * 1000)"])
      await assert.rejects(made(source, value), /integer with more digits/, source);
    await assert.rejects(made("$eval('1')", value), /\$eval is not available in messages/);
  });
});
