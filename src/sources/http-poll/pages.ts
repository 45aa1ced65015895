// Finds the next page of an answer.

import type { Expression } from "../../core/expressions.ts";
import { toText } from "../../core/expressions.ts";
import { SourceError } from "../../core/source.ts";
import { type ApiAnswer, bindingsOf } from "./answers.ts";
import type { Page } from "./poll-state.ts";

/** What follows a page. `again`: the first page, with the new cursor. */
export type NextPage = Page | "again" | undefined;

/**
 * @param next the compiled option; undefined: the header `Link` decides
 * @param url the URL of the request
 * @param api the name of the API in errors
 * @throws SourceError for a page on another origin, or a result that is not a page; ExpressionError when the evaluation fails
 */
export async function nextPage(
  next: Expression | undefined,
  answer: ApiAnswer,
  url: URL,
  cursor: string | undefined,
  api: string,
): Promise<NextPage> {
  const found = next
    ? await next.evaluate(answer.value, bindingsOf(answer, cursor))
    : linkedPage(answer.headers["link"]);
  if (found === undefined || found === null || found === false || found === "") return undefined;
  if (found === true) return "again";
  if (typeof found === "string") return { url: sameOrigin(found, url, api) };
  if (typeof found !== "object" || Array.isArray(found))
    throw new SourceError(
      "blocked",
      `next: the result for a response of ${api} is neither a URL, nor {"page": value}, nor true; correct the expression`,
    );
  const { page } = found as { readonly page?: unknown };
  if (page === undefined || page === null || page === "") return undefined;
  return { value: toText(page) };
}

function sameOrigin(text: string, base: URL, api: string): string {
  const url = URL.canParse(text, base.href) ? new URL(text, base) : undefined;
  if (url === undefined)
    throw new SourceError(
      "blocked",
      `next: the result for a response of ${api} is not a URL. For a value of {page}, return {"page": value}`,
    );
  if (url.origin !== base.origin)
    throw new SourceError(
      "blocked",
      `${api} names a next page on another origin, ${url.origin}. It is not requested, because the headers of the source may contain a key. Set url to that origin, or use the option next with {"page": value}`,
    );
  return url.href;
}

/** The target of `rel="next"` in a header `Link` (RFC 8288). Linear in the length of the header. */
export function linkedPage(header = ""): string | undefined {
  for (let at = header.indexOf("<"); at >= 0; at = header.indexOf("<", at)) {
    const end = header.indexOf(">", at);
    if (end < 0) return undefined;
    const next = endOfParameters(header, end + 1);
    const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;,]+))/i.exec(
      withoutOtherQuotes(header.slice(end + 1, next)),
    );
    const names = (relation?.[1] ?? relation?.[2] ?? relation?.[3] ?? "").toLowerCase().split(/\s+/);
    if (names.includes("next")) return header.slice(at + 1, end);
    at = next;
  }
  return undefined;
}

/** @returns the position of the comma that ends a link, outside of quotes; the length without one */
function endOfParameters(header: string, from: number): number {
  let isQuoted = false;
  for (let at = from; at < header.length; at++) {
    if (header[at] === '"') isQuoted = !isQuoted;
    else if (header[at] === "," && !isQuoted) return at;
  }
  return header.length;
}

/** Empties the quoted values of parameters other than `rel`, which may contain anything. */
const withoutOtherQuotes = (parameters: string): string =>
  parameters.replaceAll(/(;\s*)(\w+)(\s*=\s*)"[^"]*"/g, (all, start, name, equals) =>
    name.toLowerCase() === "rel" ? all : `${start}${name}${equals}""`,
  );
