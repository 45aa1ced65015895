// Decimal numbers of any size.

import { strict as assert } from "node:assert";
import {
  canonicalNumber,
  compareDecimals,
  decimalOf,
  isExactNumber,
  isMultipleOf,
} from "../../src/core/decimal.ts";

describe("core: decimal numbers", () => {
  it("are exact up to 2^53 - 1 as integers, and as fractions that a parse does not change", () => {
    for (const text of ["0", "-0", "0.0", "1.50", "1e2", "1E-7", "9007199254740991", "-9007199254740991"])
      assert.ok(isExactNumber(text), text);
    for (const text of [
      "1764132345123456",
      "9007199254740991.0",
      "0.123456789012345",
      "0.10000000000000000000",
      "0.30000000000000004",
    ])
      assert.ok(isExactNumber(text), text);
    for (const text of [
      "9007199254740992",
      "9007199254740993",
      "-9007199254740993",
      "1e16",
      "1e400",
      "-1E400",
    ])
      assert.ok(!isExactNumber(text), text);
    for (const text of ["0.12345678901234567", "9007199254740990.7", "0.30000000000000000001", "1e-400"])
      assert.ok(!isExactNumber(text), text);
  });

  it("have one canonical text per value", () => {
    for (const [left, right] of [
      ["100", "1e2"],
      ["100", "100.00"],
      ["-0", "0e7"],
      ["0.012", "12E-3"],
      ["9007199254740993", "9.007199254740993e15"],
    ] as const)
      assert.equal(canonicalNumber(left), canonicalNumber(right), left);
    assert.notEqual(canonicalNumber("9007199254740993"), canonicalNumber("9007199254740992"));
    assert.notEqual(canonicalNumber("1"), canonicalNumber("-1"));
    assert.notEqual(canonicalNumber("1"), canonicalNumber("10"));
  });

  it("have an order", () => {
    const ordered = [
      "-1e400",
      "-10",
      "-9.5",
      "-9",
      "-1e-400",
      "0",
      "1e-400",
      "0.1",
      "0.12",
      "9",
      "10",
      "1e400",
    ];
    for (const [at, text] of ordered.entries())
      for (const [other, against] of ordered.entries())
        assert.equal(
          Math.sign(compareDecimals(decimalOf(text), decimalOf(against))),
          Math.sign(at - other),
          `${text} ${against}`,
        );
    assert.equal(compareDecimals(decimalOf("1e2"), decimalOf("100.0")), 0);
  });

  it("are multiples without rounding, and however large the exponent is", () => {
    const isMultiple = (text: string, divisor: string) => isMultipleOf(decimalOf(text), decimalOf(divisor));
    for (const [text, divisor] of [
      ["9007199254740994", "2"],
      ["-9007199254740994", "2"],
      ["12345678901234567.89", "0.01"],
      ["0", "7"],
      ["1e400", "8"],
      ["1e99999999999999999999", "5"],
      ["21e20", "7"],
    ] as const)
      assert.ok(isMultiple(text, divisor), `${text} ${divisor}`);
    for (const [text, divisor] of [
      ["9007199254740993", "2"],
      ["12345678901234567.891", "0.01"],
      ["1e400", "7"],
      ["1e99999999999999999999", "7"],
      ["5", "10"],
    ] as const)
      assert.ok(!isMultiple(text, divisor), `${text} ${divisor}`);
  });
});
