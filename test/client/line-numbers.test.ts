// Which line of the input an answer belongs to.

import { strict as assert } from "node:assert";
import { LineNumbers } from "../../src/client/line-numbers.ts";

/** All numbers that remain, taken one by one. */
function rest(numbers: LineNumbers): number[] {
  const found: number[] = [];
  for (let oldest = numbers.oldest; oldest; oldest = numbers.oldest) {
    found.push(oldest.line);
    numbers.answered();
  }
  return found;
}

describe("client: line numbers", () => {
  it("are the same however the input is cut into parts; blank lines have no answer", () => {
    const text = Buffer.from("1\n\n \t\r\n22\r\n\n 3\n4");
    for (let size = 1; size <= text.length; size++) {
      const numbers = new LineNumbers();
      for (let at = 0; at < text.length; at += size) numbers.push(text.subarray(at, at + size));
      assert.ok(numbers.isInsideLine);
      numbers.end();
      assert.deepEqual([numbers.text, numbers.pending], ["lines 1, 4 and 6-7", 4]);
      assert.deepEqual(rest(numbers), [1, 4, 6, 7]);
    }
  });

  it("differ from those of the gateway by the blank lines that were added", () => {
    const numbers = new LineNumbers();
    numbers.push(Buffer.from("1\n"));
    numbers.addBlank();
    numbers.push(Buffer.from("2\n"));
    numbers.answered();
    assert.deepEqual(numbers.oldest, { line: 2, atGateway: 3 });
    assert.equal(numbers.text, "line 2");
  });

  it("of many lines with blank ones between them cost little", () => {
    const numbers = new LineNumbers();
    numbers.push(Buffer.from("1\n\n".repeat(50_000)));
    assert.match(numbers.text, /^lines 1, 3, 5, .* and others$/);
    assert.equal(rest(numbers).at(-1), 99_999);
    assert.equal(numbers.pending, 0);
  });
});
