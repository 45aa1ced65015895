// The checks that all adapters share.

import { strict as assert } from "node:assert";
import { adapterKind, requireAll } from "../../src/core/adapter.ts";
import { object } from "../../src/core/options.ts";

describe("core: adapters", () => {
  it("are of a kind with a type, options, and a function that creates one", () => {
    const kind = { type: "test", options: object({}), create: () => 7 };
    assert.equal(adapterKind(kind), kind);
  });
  it("make all their checks, and report every mistake at once", () => {
    const mistakes = [new Error("no url"), new Error("no key")];
    let made = 0;
    const check = (mistake?: Error) => () => {
      made++;
      if (mistake) throw mistake;
    };
    assert.throws(
      () => requireAll(check(mistakes[0]), check(), check(mistakes[1]), check()),
      (error) => error instanceof AggregateError && assert.deepEqual(error.errors, mistakes) === undefined,
    );
    assert.equal(made, 4);
  });
  it("report nothing if there is no mistake, and return their results", () => {
    assert.deepEqual(
      requireAll(
        () => false,
        () => "checked",
      ),
      [false, "checked"],
    );
    assert.deepEqual(requireAll(), []);
  });
});
