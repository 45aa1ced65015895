// Quotes what a receiver says, for errors and the log: without control characters and without the secrets of the request.

/** In bytes. */
const MOST_BYTES = 200;
/** A shorter text is not redacted: it would also be found in words that are not secret. */
const SHORTEST_SECRET = 4;
/** A part of a path or of a query may be a secret if it has at least this number of characters. */
const SHORTEST_PART = 6;

/** The first word of the header `authorization`, which is not secret. */
const SCHEME = /^(basic|bearer|token)$/i;

/**
 * Cleans a text for an error: removes control and format characters, replaces every secret by `[redacted]`, and cuts the
 * result.
 *
 * @param mostBytes the maximum length in UTF-8; 200 by default
 */
export type Clean = (text: string, mostBytes?: number) => string;

/**
 * @param url its path, its query and its password are secret, also in the usual escaped forms
 * @param secrets further secrets, such as the values of request headers
 */
export function cleaner(url: URL, secrets: readonly string[]): Clean {
  const words = secrets.flatMap((secret) => secret.split(/\s+/)).filter((word) => !SCHEME.test(word));
  const parts = [...secrets, ...words, ...secretsIn(url)];
  const texts = [...new Set(parts.flatMap(formsOf))].filter((text) => text.length >= SHORTEST_SECRET);
  // The longest text first, so that no rest of it remains.
  texts.sort((a, b) => b.length - a.length);
  const found = texts.length > 0 ? new RegExp(texts.map(escapeRegExp).join("|"), "gi") : undefined;
  return (text, mostBytes = MOST_BYTES) => {
    const plain = text.replaceAll(/[\s\p{Zl}\p{Zp}]+/gu, " ").replaceAll(/[\p{Cc}\p{Cf}]/gu, "");
    const clean = (found ? plain.replaceAll(found, "[redacted]") : plain).trim();
    return Buffer.from(clean)
      .subarray(0, mostBytes)
      .toString("utf8")
      .replace(/\uFFFD+$/, "");
  };
}

function secretsIn(url: URL): string[] {
  const { href, host, pathname, search, username, password, searchParams } = url;
  const path = pathname === "/" ? search : pathname + search;
  const parts = [...pathname.split("/"), ...searchParams.values()];
  return [
    ...[href, href.replace(/\/$/, ""), host + path, path, pathname, username, password],
    ...(username === "" ? [] : [Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")]),
    ...parts.filter((part) => part.length >= SHORTEST_PART),
  ];
}

/** A text, and the same text decoded, and escaped as in a URL, in JSON and in HTML. */
function formsOf(text: string): string[] {
  return [
    ...[text, decoded(text), encodeURIComponent(text)],
    ...[text.replaceAll("/", "\\/"), text.replaceAll("&", "&amp;")],
  ];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const escapeRegExp = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
