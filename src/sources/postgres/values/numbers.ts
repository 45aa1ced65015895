// Numbers that are not integers.

/** JSON of a `float4` or `float8`: a number with a fraction or an exponent, or the string `"NaN"`, `"Infinity"`, `"-Infinity"`. */
export function floatJson(text: string): string {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // `.`, or `e`: an integer ends without either. Checked before `N` and `I`, which are rare.
    if (code === 0x2e || code === 0x65) return text;
    if (code === 0x4e || code === 0x49) return `"${text}"`;
  }
  return `${text}.0`;
}

/** JSON of a `numeric`: a string, with Debezium's names of the values that are not numbers. */
export function numericJson(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  if (last >= 0x30 && last <= 0x39) return `"${text}"`;
  if (text === "NaN") return '"NAN"';
  return text.startsWith("-") ? '"NEGATIVE_INFINITY"' : '"POSITIVE_INFINITY"';
}

/**
 * JSON of a `money`: a string with two decimals. PostgreSQL writes it as `lc_monetary` says, such as `-$1,234.50` or
 * `1.234,50 €`: one or two digits after the last separator are decimals.
 */
export function moneyJson(text: string): string {
  const [, whole = "", decimals = ""] = /^(.*?)(?:[.,](\d{1,2}))?\D*$/s.exec(text) ?? [];
  const sign = /^\D*[-−(]|-\D*$/.test(text) ? "-" : "";
  return `"${sign}${whole.replaceAll(/\D/g, "") || "0"}.${decimals.padEnd(2, "0")}"`;
}
