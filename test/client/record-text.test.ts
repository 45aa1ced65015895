// What a record looks like in a pipe and on a terminal.

import { strict as assert } from "node:assert";
import { cutTo, printable } from "../../src/client/printable.ts";
import { eventSentence, plainLine, TerminalLines } from "../../src/client/record-text.ts";
import { parseEvent, type TailEvent } from "../../src/client/tail-event.ts";
import { named, record } from "../support/event-lines.ts";

function event(line: string): TailEvent {
  const parsed = parseEvent(Buffer.from(line.trim()));
  assert.ok(parsed);
  return parsed;
}

const withMembers = (members: object): TailEvent =>
  event(
    named("record", { topic: "t", partition: 0, offset: 7, timestamp: -1, key: null, value: 1, ...members }),
  );

describe("client: record text", () => {
  it("has the place, the time, the key and the whole value, with all digits", () => {
    const value = '{"total":1.0,"id":12345678901234567890}';
    assert.equal(plainLine(event(record(5, value))), `orders/1@5  2026-11-26T17:51:13.924Z  k  ${value}`);
  });

  it("distinguishes a missing key from an empty one, and names bytes that are not UTF-8", () => {
    assert.equal(plainLine(withMembers({})), "t/0@7  -  -  1");
    assert.equal(plainLine(withMembers({ key: "" })), 't/0@7  -  ""  1');
    assert.equal(
      plainLine(withMembers({ key_base64: "/w==", value_base64: "/v8=" })),
      "t/0@7  -  base64:/w==  base64:/v8=",
    );
  });

  it("is one line without control characters, whatever the record contains", () => {
    const line = plainLine(withMembers({ key: "a\u001b]0;x\u0007", value: "1\r\n2\u009b\u2028\u202e\t" }));
    assert.equal(line, "t/0@7  -  a\\u001b]0;x\\u0007  1\\r\\n2\\u009b\\u2028\\u202e\\t");
    assert.equal(printable("plain 漢字 👍🏽"), "plain 漢字 👍🏽");
  });

  it("is cut to the columns of a terminal, in which some characters take two and some none", () => {
    assert.deepEqual(cutTo("abcd", 4), { text: "abcd", width: 4 });
    assert.deepEqual(cutTo("abcde", 4), { text: "abc…", width: 4 });
    assert.deepEqual(cutTo("漢字漢", 5), { text: "漢字…", width: 5 });
    assert.deepEqual(cutTo("漢字漢", 4), { text: "漢…", width: 3 });
    assert.deepEqual(cutTo("e\u0301e\u0301", 2), { text: "e\u0301e\u0301", width: 2 });
    assert.deepEqual(cutTo("\u001b[31mred", 8), { text: "\\u001b[…", width: 8 });
  });

  it("is aligned on a terminal, with a dim place and time and a bold key", () => {
    const lines = new TerminalLines(true);
    const long = lines.line(withMembers({ offset: 1000, key: "long key", value: "x".repeat(100) }), 70);
    const short = lines.line(withMembers({ value: { a: 1 } }), 70);
    const dash = "-".padEnd(24);
    assert.equal(
      long,
      `\u001b[2mt/0@1000\u001b[22m  \u001b[2m${dash}\u001b[22m  \u001b[1mlong key\u001b[22m  ${"x".repeat(23)}…`,
    );
    assert.equal(
      short,
      `\u001b[2mt/0@7   \u001b[22m  \u001b[2m${dash}\u001b[22m  \u001b[1m-\u001b[22m         {"a":1}`,
    );
    assert.equal(new TerminalLines(false).line(withMembers({}), 70), `t/0@7  ${dash}  -  1`);
  });

  it("describes events that are not records in a sentence", () => {
    const place = { topic: "t", partition: 0 };
    const sentences: readonly [string, object, RegExp][] = [
      ["gap", { ...place, from: 5, to: 9 }, /^gap: t\/0: retention removed the offsets 5 to 8, /],
      ["gap", { ...place, from: 5, to: 6 }, /removed the offset 5, /],
      ["reset", { topic: "t", reason: "recreated", message: "It is new." }, /^reset: t: It is new\.$/],
      ["skipped", { ...place, offset: 3, reason: "too\nlarge" }, /^skipped: t\/0@3: too\\nlarge$/],
      ["later", { a: 1 }, /^later: \{"a":1\}$/],
    ];
    for (const [name, data, expected] of sentences)
      assert.match(eventSentence(event(named(name, data))), expected);
    const tombstone = event(
      named("tombstone", { ...place, offset: 1, timestamp: -1, key: "k", value: null }),
    );
    assert.match(plainLine(tombstone), /k {2}\(tombstone: the key was deleted\)$/);
  });
});
