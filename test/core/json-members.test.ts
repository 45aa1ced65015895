// Members that an object has twice.

import { strict as assert } from "node:assert";
import { duplicateMember } from "../../src/core/json-members.ts";

const found = (text: string): string | undefined => duplicateMember(Buffer.from(text), JSON.parse(text));

describe("core: members that are given twice", () => {
  const rows: readonly [text: string, pointer: string | undefined][] = [
    ['{"a":1,"a":1}', "/a"],
    ['{"a":1,"\\u0061":2}', "/a"],
    ['[{"a":{"b":1}},{"a":{"b":1, "c":[{}, {"x":1,"x":2}]}}]', "/1/a/c/1/x"],
    ['{"a/b~c":1,"a/b~c":2}', "/a~1b~0c"],
    ['{"":1,"":2}', "/"],
    ['{"__proto__":1,"__proto__":2}', "/__proto__"],
    ['{"__proto__":{"a":1},"constructor":1,"a":":"}', undefined],
    ['{"a":{"b":1},"b":{"a":1}}', undefined],
    ['{"a:b":"c:\\":d","e":[":",{"f:":1}]}', undefined],
    ['{"1":1,"0":2}', undefined],
    ['":"', undefined],
    ["1", undefined],
    ["null", undefined],
    ["[]", undefined],
  ];
  for (const [text, pointer] of rows)
    it(`${text} has ${pointer ?? "none"}`, () => assert.equal(found(text), pointer));
});
