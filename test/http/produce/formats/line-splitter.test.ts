// Splits a stream of bytes into lines.

import { strict as assert } from "node:assert";
import { type Line, LineSplitter } from "../../../../src/http/produce/formats/line-splitter.ts";
import { collectGarbage } from "../../../support/garbage.ts";
import { turn } from "../../../support/produce-brokers.ts";

const text = (lines: readonly Line[]) => lines.map((line) => (line === undefined ? undefined : `${line}`));

/** The lines in the chunks, and the rest at the end. */
function split(maxLine: number, ...chunks: string[]): (string | undefined)[] {
  const splitter = new LineSplitter(maxLine);
  const lines = chunks.flatMap((chunk) => text(splitter.push(Buffer.from(chunk))));
  return [...lines, ...text(splitter.end())];
}

describe("http: line splitter", () => {
  it("ends lines with LF or CRLF, and the last one with the stream", () => {
    assert.deepEqual(split(9, "a\nb\r\n\n\r\nc"), ["a", "b", "", "", "c"]);
    assert.deepEqual(split(9, "a\n"), ["a"]);
    assert.deepEqual(split(9, ""), []);
  });

  it("keeps a CR that is not before LF", () => {
    assert.deepEqual(split(9, "a\rb\n", "c\r\r\n"), ["a\rb", "c\r"]);
  });

  it("finds the same lines for any division into chunks", () => {
    const stream = "first\r\n\nsecond\nthird";
    const whole = split(20, stream);
    assert.deepEqual(whole, ["first", "", "second", "third"]);
    for (let at = 0; at <= stream.length; at++)
      assert.deepEqual(split(20, stream.slice(0, at), stream.slice(at)), whole);
    assert.deepEqual(split(20, ...stream), whole);
  });

  it("reports a line that is too long, and continues after it", () => {
    assert.deepEqual(split(3, "abc\nabcd\nab\n"), ["abc", undefined, "ab"]);
    assert.deepEqual(split(3, "ab", "c\n", "ab", "cd", "ef", "g\nx\n"), ["abc", undefined, "x"]);
    assert.deepEqual(split(3, "abcd"), [undefined]);
    assert.deepEqual(split(3, "ab", "cd", "e"), [undefined]);
    assert.deepEqual(split(3, "ab", "c"), ["abc"]);
  });

  it("holds the bytes of an incomplete line, and none of a line that is too long", () => {
    const splitter = new LineSplitter(3);
    const held = (chunk: string) => {
      splitter.push(Buffer.from(chunk));
      return splitter.held;
    };
    assert.equal(splitter.held, 0);
    assert.deepEqual(["ab", "c", "d", "e", "\n", "x\nyz", "\n"].map(held), [2, 3, 0, 0, 0, 2, 0]);
  });

  it("keeps nothing of a line that is too long", async () => {
    const splitter = new LineSplitter(3000);
    const push = (): WeakRef<ArrayBufferLike> => {
      const chunk = Buffer.alloc(2000, "a");
      splitter.push(chunk);
      return new WeakRef(chunk.buffer);
    };
    const chunks = Array.from({ length: 5 }, push);
    await turn();
    collectGarbage();
    assert.equal(chunks.filter((chunk) => chunk.deref() !== undefined).length, 0);
    assert.deepEqual(text(splitter.push(Buffer.from("\nb\n"))), [undefined, "b"]);
  });

  it("has nothing left after the end", () => {
    const splitter = new LineSplitter(9);
    splitter.push(Buffer.from("ab"));
    splitter.end();
    assert.deepEqual([splitter.held, splitter.end()], [0, []]);
  });
});
