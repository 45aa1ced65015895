// The states of sources in the state topic, and what is shown of them.

import { strict as assert } from "node:assert";
import { SourceError } from "../../src/core/source.ts";
import {
  cursorFor,
  decodeState,
  encodeState,
  withoutSecretsInside,
  withoutUrlSecrets,
} from "../../src/core/source-state.ts";

const stored = { type: "clock", cursorVersion: 2, cursor: { number: 1 } };
const source = { name: "s", type: "clock", cursorVersion: 2 };
const blocked = (expected: RegExp) => (error: unknown) => {
  assert.ok(error instanceof SourceError);
  assert.equal(error.kind, "blocked");
  assert.match(error.message, expected);
  return true;
};

describe("core: states of sources", () => {
  it("are encoded as versioned JSON, and decoded unchanged", () => {
    assert.equal(
      encodeState(stored).toString(),
      '{"version":1,"type":"clock","cursorVersion":2,"cursor":{"number":1}}',
    );
    assert.deepEqual(decodeState("s", encodeState(stored)), stored);
    const holding = { ...stored, holds: "the slot x" };
    assert.deepEqual(decodeState("s", encodeState(holding)), holding);
    assert.deepEqual(cursorFor(source, stored), { number: 1 });
    assert.deepEqual(cursorFor({ ...source, cursorVersion: 3 }, stored), { number: 1 });
  });

  it("of a later version, of the format or of the kind, block the source", () => {
    const later = Buffer.from(JSON.stringify({ ...stored, version: 2 }));
    assert.throws(() => decodeState("s", later), blocked(/later version of Onramp.*Update this replica/));
    assert.throws(
      () => cursorFor({ ...source, cursorVersion: 1 }, stored),
      blocked(/later version of Onramp/),
    );
  });

  it("of another type, and values that are not states, block the source with the next step", () => {
    assert.throws(
      () => cursorFor({ ...source, type: "sample" }, stored),
      blocked(/"clock".*"sample".*--from-start/),
    );
    for (const value of ["", "null", "7", "[]", "{}", '{"version":1}', "{", "\u0000"])
      assert.throws(() => decodeState("s", Buffer.from(value)), blocked(/sources set s --from-start/), value);
  });

  it("are shown without the query, the fragment and the user of URLs", () => {
    const cursor = {
      next: "https://user:pa%40ss@api.example.com:8443/items?token=secret&page=2#x",
      plain: "a@b.c?d=e#f",
      list: ["see http://h/p?k=v, or postgres://u:p@db/x?sslmode=require", 7, null, true],
      "https://u:p@h/": 1,
    };
    assert.deepEqual(withoutSecretsInside(cursor), {
      next: "https://api.example.com:8443/items",
      plain: "a@b.c?d=e#f",
      list: ["see http://h/p or postgres://db/x", 7, null, true],
      "https://h/": 1,
    });
    assert.equal(withoutSecretsInside(undefined), undefined);
    for (const [text, expected] of [
      ['a "quoted" \\ text\n', 'a "quoted" \\ text\n'],
      ["https://u:p@ss@host/x", "https://host/x"],
      ["https://u:S/ECRET6@h/", "https://h/"],
      ['GET https://h/x?token=ab"SECRET2 failed', "GET https://h/x failed"],
    ] as const)
      assert.equal(withoutUrlSecrets(text), expected);
  });

  it("are shown in a time that is linear in their length", () => {
    const began = performance.now();
    for (const text of [
      "a.".repeat(1e6),
      "a-".repeat(1e6),
      "a://".repeat(5e5),
      "@".repeat(1e6),
      `x://${"a@".repeat(5e5)}`,
    ])
      withoutUrlSecrets(text);
    assert.ok(performance.now() - began < 5000);
  });
});
