// The numbers of a JSON text that lose digits when they are parsed.

import { strict as assert } from "node:assert";
import { inexactNumbers, parseExactly, printExactly, withExactNumbers } from "../../src/core/json-numbers.ts";

const exact = (json: string): unknown => withExactNumbers(Buffer.from(json), JSON.parse(json));

describe("core: numbers of JSON", () => {
  it("are strings, with the digits as sent, where JavaScript would round them", () => {
    assert.deepEqual(exact('{"é":9007199254740993,"b":[-1E400,0.12345678901234567890, 1e-400 ]}'), {
      é: "9007199254740993",
      b: ["-1E400", "0.12345678901234567890", "1e-400"],
    });
    assert.equal(exact("-9007199254740993"), "-9007199254740993");
  });

  it("stay numbers, of the same parsed value, where JavaScript keeps them", () => {
    const json = '{"a":[1.0,1.50,1e2,-0,0.1,9007199254740991],"us":1764132345123456,"t":21.299999999999997}';
    const parsed: unknown = JSON.parse(json);
    assert.equal(withExactNumbers(Buffer.from(json), parsed), parsed);
  });

  it("are not looked for in strings and in names of members", () => {
    for (const text of ["9007199254740993", '"9007199254740993', "\\", '\\"1e400', "1e400\\\\"]) {
      const json = JSON.stringify({ [text]: text, n: 9007199254740991 });
      assert.deepEqual(inexactNumbers(Buffer.from(json)), [], json);
      assert.deepEqual(exact(json.replace("991}", "993}")), { [text]: text, n: "9007199254740993" });
    }
  });

  it("are replaced by finite numbers of the same kind for a validator", () => {
    const json = Buffer.from(
      "[1,9007199254740993,1e400,-1e400,9007199254740993.5,1e-400,0.12345678901234567]",
    );
    const { exact: texts, rounded } = parseExactly(json, JSON.parse(`${json}`), inexactNumbers(json));
    assert.deepEqual(texts, [
      1,
      "9007199254740993",
      "1e400",
      "-1e400",
      "9007199254740993.5",
      "1e-400",
      "0.12345678901234567",
    ]);
    const { MAX_VALUE } = Number;
    assert.deepEqual(rounded, [1, 2 ** 53, MAX_VALUE, -MAX_VALUE, 0.5, 0.5, Number("0.12345678901234567")]);
  });

  it("are printed with all their digits", () => {
    const json = '{"__proto__":[9007199254740993,1.5,null,true],"a":"9007199254740993","b":{}}';
    assert.equal(printExactly(JSON.parse(json), exact(json)), json);
    for (const [text, printed] of [
      ["9007199254740993", "9007199254740993"],
      ["12345678901234567890.0", "12345678901234567890.0"],
      ["+9007199254740993", "9007199254740993e0"],
      ["-09007199254740993", "-9007199254740993e0"],
      ["9007199254740993.", "9007199254740993e0"],
      ["1e16", "10000000000000000"],
    ] as const)
      assert.equal(printExactly([Number(text)], [text]), `[${printed}]`);
  });
});
