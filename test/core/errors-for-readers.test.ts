// The parts of an error that clients and operators see.

import { strict as assert } from "node:assert";
import {
  asOnrampError,
  type ErrorCode,
  errorTable,
  messageOf,
  OnrampError,
  OperatorError,
} from "../../src/core/errors.ts";

const codes = Object.keys(errorTable).map(Number) as ErrorCode[];

describe("core: errors for their readers", () => {
  it("have a status, a title and a next step for every code", () => {
    assert.ok(codes.length > 10);
    for (const code of codes) {
      const { status, title, next } = errorTable[code];
      assert.ok(status >= 400 && status < 600, `${code}`);
      assert.match(title, /^[A-Z][^.]+$/, `${code}`);
      assert.match(next, /\.$/, `${code}`);
    }
    assert.equal(new Set(codes.map((code) => errorTable[code].title)).size, codes.length);
  });
  it("have the texts of the table, and a Retry-After of one second if a retry may succeed", () => {
    for (const code of codes) {
      const error = new OnrampError(code, "why");
      const { status, title, known } = errorTable[code];
      assert.deepEqual([error.code, error.message, error.name], [code, "why", "OnrampError"]);
      assert.deepEqual([error.status, error.title, error.known], [status, title, known]);
      assert.deepEqual([error.errors, error.cause], [undefined, undefined]);
      assert.equal(error.retryAfter, known === "not written, try again" ? 1 : undefined);
    }
    assert.deepEqual(
      codes.filter((code) => new OnrampError(code, "").retryAfter === 1),
      [42901, 50301, 50302],
    );
  });
  it("can have details, a cause and another Retry-After", () => {
    const cause = new Error("x");
    const errors = [{ index: 1, message: "wrong" }];
    const error = new OnrampError(50301, "why", { errors, cause, retryAfter: 30 });
    assert.deepEqual([error.errors, error.cause, error.retryAfter], [errors, cause, 30]);
    assert.equal(new OnrampError(40001, "why", { retryAfter: 0 }).retryAfter, 0);
    assert.equal("cause" in new OnrampError(50301, "why"), false);
  });
  it("are printed without a stack if they are for operators", () => {
    assert.ok(new OnrampError(50301, "why") instanceof OperatorError);
    assert.equal(new OperatorError("why").name, "OperatorError");
  });
  it("are unchanged by asOnrampError; any other value is an unexpected failure", () => {
    const known = new OnrampError(40401, "why");
    assert.equal(asOnrampError(known), known);
    const unknown = asOnrampError("a text");
    assert.deepEqual([unknown.code, unknown.cause, unknown.known], [50000, "a text", "unknown"]);
  });
  it("have a message for any thrown value", () => {
    assert.deepEqual(
      [messageOf(new TypeError("why")), messageOf("text"), messageOf(undefined)],
      ["why", "text", "undefined"],
    );
  });
});
