// Decimal numbers of any size, as they are written in JSON. JavaScript's numbers lose digits: an integer above
// 2^53 - 1, a long fraction, or an exponent outside their range.

/** A number `0.d1d2d3… × 10^magnitude`. */
export interface Decimal {
  readonly negative: boolean;
  /** The digits without leading and trailing zeros; empty for zero. */
  readonly digits: string;
  readonly magnitude: number;
}

/** The digits that are divided at once: a number of 15 digits is exact. */
const GROUP = 15;
/** A number without fraction and exponent. */
export const INTEGER = /^-?\d+$/;
/** A number as JSON writes it (RFC 8259, section 6). */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[-+]?\d+)?$/i;
/** Larger exponents are read as this one: the arithmetic on exponents must be exact and must end. */
const MAX_POWER = 2 ** 50;

/** @param text a number as JSON writes it; a leading `+` or point is accepted as well */
export function decimalOf(text: string): Decimal {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.replace(/^[-+]/, "").split(".");
  const all = whole + fraction;
  let from = 0;
  while (all[from] === "0") from++;
  let to = all.length;
  while (to > from && all[to - 1] === "0") to--;
  if (from === to) return { negative: false, digits: "", magnitude: 0 };
  const power = Math.max(-MAX_POWER, Math.min(MAX_POWER, Number(exponent)));
  const magnitude = whole.length - from + power;
  return { negative: text.startsWith("-"), digits: all.slice(from, to), magnitude };
}

/** Prints a number so that equal numbers have equal texts, such as `100`, `1e2` and `100.0`. */
export const canonicalNumber = (text: string): string => {
  const { negative, digits, magnitude } = decimalOf(text);
  return `${negative ? "-" : ""}0.${digits}e${magnitude}`;
};

/**
 * @returns whether JavaScript keeps the value of the number: an integer up to ±(2^53 - 1), or a fraction that has
 *   the same value after it was parsed and printed
 */
export function isExactNumber(text: string): boolean {
  const parsed = Number(text);
  if (!Number.isFinite(parsed)) return false;
  if (Number.isInteger(parsed) && !Number.isSafeInteger(parsed)) return false;
  return INTEGER.test(text) || canonicalNumber(text) === canonicalNumber(String(parsed));
}

/** @returns whether a string is a number as JSON writes it */
export const isDecimalText = (text: string): boolean => JSON_NUMBER.test(text);

/** @returns whether a value is a string with a number for which `isExactNumber` is false */
export const isInexactText = (value: unknown): value is string =>
  typeof value === "string" && isDecimalText(value) && !isExactNumber(value);

export const isIntegral = ({ digits, magnitude }: Decimal): boolean => digits.length <= magnitude;

/** @returns a number that is negative, zero or positive, as for `Array.prototype.sort` */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const [left, right] = [signOf(a), signOf(b)];
  if (left !== right || left === 0) return left - right;
  if (a.magnitude !== b.magnitude) return a.magnitude > b.magnitude ? left : -left;
  if (a.digits === b.digits) return 0;
  return a.digits > b.digits ? left : -left;
}

const signOf = ({ negative, digits }: Decimal): number => (digits === "" ? 0 : negative ? -1 : 1);

/**
 * @param divisor a number other than zero with few digits, as a schema contains it
 * @returns whether the number is an integer times `divisor`
 */
export function isMultipleOf(number: Decimal, divisor: Decimal): boolean {
  const zeros = number.magnitude - number.digits.length - (divisor.magnitude - divisor.digits.length);
  if (number.digits === "") return true;
  // The last digit is not zero, so the number is not divisible by a higher power of ten than its own.
  if (zeros < 0) return false;
  const modulus = BigInt(divisor.digits);
  return (remainder(number.digits, modulus) * powerOfTen(zeros, modulus)) % modulus === 0n;
}

/** Reads the digits in groups, because `BigInt` is slow on a text of millions of digits. */
function remainder(digits: string, modulus: bigint): bigint {
  let rest = 0n;
  for (let at = 0; at < digits.length; at += GROUP) {
    const group = digits.slice(at, at + GROUP);
    rest = (rest * 10n ** BigInt(group.length) + BigInt(group)) % modulus;
  }
  return rest;
}

/** @returns `10^exponent % modulus`, by repeated squaring */
function powerOfTen(exponent: number, modulus: bigint): bigint {
  let [result, square] = [1n % modulus, 10n % modulus];
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
