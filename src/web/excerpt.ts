// Quotes what a receiver says, for errors and the log: without control characters and without the secrets of the request.

/** In bytes. */
const MOST_BYTES = 200;
/** A shorter text is not redacted: it would also be found in words that are not secret. */
const SHORTEST_SECRET = 4;
/** A segment of a path may be secret if it is this long, or if it is this long and mixes letters and digits. */
const LONG_SEGMENT = 16;
const SHORTEST_MIXED_SEGMENT = 8;

/** The names of headers whose values are secret. */
const SECRET_HEADER = /auth|cookie|credential|key|passw|secret|signature|token/i;
/** The first word of the header `authorization`, which is not secret. */
const SCHEME = /^(apikey|basic|bearer|digest|hmac|negotiate|token)$/i;

/**
 * Cleans a text for an error: removes control and format characters, replaces every secret by `[redacted]`, and cuts the
 * result.
 *
 * @param mostBytes the maximum length in UTF-8; 200 by default
 */
export type Clean = (text: string, mostBytes?: number) => string;

/**
 * The secrets are also found decoded, and in the usual escaped forms.
 *
 * @param url its user and password, the values of its query, and the segments of its path that look like a secret are replaced. Undefined when there is no URL
 * @param secrets further secrets, such as a token
 * @param headers secret are the values of headers such as `authorization`, `cookie` and `x-api-key`
 */
export function cleaner(
  url: URL | undefined,
  secrets: readonly string[],
  headers: Readonly<Record<string, string>> = {},
): Clean {
  const values = Object.entries(headers).flatMap(([name, value]) =>
    SECRET_HEADER.test(name) ? [value] : [],
  );
  const parts = [...[...secrets, ...values].flatMap(partsOf), ...(url ? secretsIn(url) : [])];
  const texts = [...new Set(parts.flatMap(formsOf))].filter((text) => text.length >= SHORTEST_SECRET);
  // The longest text first, so that no rest of it remains.
  texts.sort((a, b) => b.length - a.length);
  const patterns = texts.flatMap(chunksOf).map((text) => new RegExp(escapeRegExp(text), "gi"));
  return (text, mostBytes = MOST_BYTES) => {
    const plain = text.replaceAll(/[\s\p{Zl}\p{Zp}]+/gu, " ").replaceAll(/[\p{Cc}\p{Cf}]/gu, "");
    const clean = patterns.reduce((rest, each) => rest.replaceAll(each, "[redacted]"), plain).trim();
    return Buffer.from(clean)
      .subarray(0, mostBytes)
      .toString("utf8")
      .replace(/\uFFFD+$/, "");
  };
}

/** A secret, its words, the values in `name=value`, and the user and the password in the Base64 of `basic`. */
function partsOf(value: string): string[] {
  const words = value.split(/[\s,;]+/).filter((word) => !SCHEME.test(word));
  const basic = /^basic\s+(\S+)$/i.exec(value.trim())?.[1];
  const pair = basic === undefined ? "" : Buffer.from(basic, "base64").toString("utf8");
  const [user = "", ...password] = pair.split(":");
  const values = words.map((word) => word.slice(word.indexOf("=") + 1).replaceAll('"', ""));
  return [value, ...words, ...values, pair, user, password.join(":")];
}

function secretsIn({ href, host, pathname, search, username, password, searchParams }: URL): string[] {
  const pair = `${decoded(username)}:${decoded(password)}`;
  const parts = [
    ...[username, password, ...(username === "" ? [] : [pair, Buffer.from(pair).toString("base64")])],
    // A name without a value may be a secret itself.
    ...[...searchParams].map(([name, value]) => (value === "" && looksSecret(name) ? name : value)),
    // The values as they are sent.
    ...[...search.matchAll(/=([^&]*)/g)].map(([, value = ""]) => value),
    ...pathname.split("/").filter((segment) => looksSecret(decoded(segment))),
  ].filter(Boolean);
  if (parts.length === 0) return [];
  const path = pathname === "/" ? search : pathname + search;
  // With the whole path, the rest of a URL with a secret is removed as well.
  return [...parts, href, href.replace(/\/$/, ""), host + path, path, pathname];
}

const looksSecret = (text: string): boolean =>
  text.length >= LONG_SEGMENT ||
  (text.length >= SHORTEST_MIXED_SEGMENT && /\d/.test(text) && /\p{L}/u.test(text));

/** A text, and the same text decoded, and escaped as in a URL, in JSON and in HTML. */
function formsOf(given: string): string[] {
  return [given, decoded(given), decoded(given.replaceAll("+", " "))].flatMap((text) => {
    const url = encodeURIComponent(text);
    const json = JSON.stringify(text).slice(1, -1);
    const ascii = json.replaceAll(
      /[^\x20-\x7e]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    const html = text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
    const named = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    return [
      ...[text, url, url.replaceAll("%20", "+"), json, json.replaceAll("/", "\\/"), ascii, html, named],
      ...[named.replaceAll('"', "&quot;"), named.replaceAll('"', "&quot;").replaceAll("'", "&#39;")],
    ];
  });
}

/** The parts of a text that fit into a regular expression. */
const chunksOf = (text: string): readonly string[] =>
  (text.match(/[\s\S]{1,1000}/g) ?? []).filter((chunk) => chunk.length >= SHORTEST_SECRET);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const escapeRegExp = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
