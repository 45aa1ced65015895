// JSON strings, in the spelling of Jackson, which Debezium uses.

/** What cannot be written between quotes as it is: quotes, backslashes, control characters and surrogates. */
const SPECIAL = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;
const SURROGATE = /[\ud800-\udfff]/;
const ESCAPES = /\\\\|\\u[0-9a-f]{4}/g;
const ESCAPES_AND_PAIRS = /\\\\|\\u[0-9a-f]{4}|[\ud800-\udbff][\udc00-\udfff]/g;

/**
 * Returns a JSON string literal. Control characters have upper-case hex (`\u000B`), and characters beyond U+FFFF are escaped as
 * a pair (`\uD83D\uDE00`).
 */
export function jsonString(text: string): string {
  if (!SPECIAL.test(text)) return `"${text}"`;
  const json = JSON.stringify(text);
  return json.includes("\\u") || SURROGATE.test(json) ? json.replace(ESCAPES_AND_PAIRS, respell) : json;
}

/** Returns a JSON string literal for JSON inside a string, where Jackson leaves characters beyond U+FFFF as they are. */
export const innerJsonString = (text: string): string => JSON.stringify(text).replace(ESCAPES, respell);

function respell(match: string): string {
  if (match === "\\\\") return match;
  if (match.startsWith("\\")) return `\\u${match.slice(2).toUpperCase()}`;
  return unit(match.charCodeAt(0)) + unit(match.charCodeAt(1));
}

const unit = (code: number): string => `\\u${code.toString(16).toUpperCase()}`;
