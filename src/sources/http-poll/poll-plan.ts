// What a source of the kind `http-poll` does, compiled from its options.

import type { AdapterContext } from "../../core/adapter.ts";
import type { Expression } from "../../core/expressions.ts";
import type { ValuesOf } from "../../core/options.ts";
import { bytes, ms } from "../../core/units.ts";
import { checkHeaders } from "../../web/headers.ts";
import type { ApiRequest } from "../parts/api-calls.ts";
import type { DraftRules, IdentityRules } from "../parts/drafts.ts";
import { pathOf } from "./answers.ts";
import type { Expired } from "./failures.ts";
import type { pollOptions } from "./options.ts";
import { setBack } from "./overlap.ts";
import type { Page } from "./poll-state.ts";
import { fillBody, fillHeaders, fillUrl, type TemplateValues, uses } from "./template.ts";

export type PollOptions = ValuesOf<typeof pollOptions>;

export interface PollPlan extends IdentityRules, DraftRules {
  readonly intervalMs: number;
  readonly isNewestFirst: boolean;
  readonly fromNow: boolean;
  /** Whether the API returns only what is new, because the requests contain the cursor. */
  readonly usesCursor: boolean;
  /** Whether requests may return items that were read before. */
  readonly repeatsItems: boolean;
  readonly initialCursor: string | undefined;
  readonly maxPages: number;
  readonly dedupe: number;
  readonly itemsPath: readonly string[] | undefined;
  readonly items: Expression;
  readonly cursor: Expression | undefined;
  readonly next: Expression | undefined;
  readonly failure: Expression | undefined;
  readonly expired: Expired | undefined;
  /** Builds a request. @param cursor the API's cursor; undefined: there is none yet */
  request(cursor: string | undefined, page: Page | undefined): ApiRequest;
}

/** @throws Error for options that do not fit together */
export function compilePlan(options: PollOptions, { name, compile }: AdapterContext): PollPlan {
  const { initialCursor, overlap, expired, headers = {}, body, url } = options;
  const compiled = (
    option: "id" | "version" | "key" | "timestamp" | "cursor" | "next" | "failure",
  ): Expression | undefined => {
    const source = options[option];
    return source === undefined ? undefined : compile(option, source);
  };
  const parts = [url, body, ...Object.values(headers)];
  const usesCursor = parts.some((part) => uses("cursor", part));
  check(options, usesCursor, parts);
  return {
    topic: options.topic,
    intervalMs: ms(options.interval),
    isNewestFirst: options.order === "newest-first",
    fromNow: options.from === "now",
    usesCursor,
    repeatsItems: !usesCursor || overlap !== undefined,
    initialCursor: initialCursor === undefined ? undefined : String(initialCursor),
    maxPages: options.maxPages,
    dedupe: options.dedupe,
    itemsPath: pathOf(options.items),
    items: compile("items", options.items),
    id: compiled("id"),
    version: compiled("version"),
    key: compiled("key"),
    timestamp: compiled("timestamp"),
    cursor: compiled("cursor"),
    next: compiled("next"),
    failure: compiled("failure"),
    expired: expired && {
      status: expired.status,
      when: expired.when === undefined ? undefined : compile("expired.when", expired.when),
    },
    request(cursor, page) {
      const back = cursor === undefined || overlap === undefined ? cursor : setBack(cursor, overlap, name);
      const values: TemplateValues = {
        cursor: back ?? (initialCursor === undefined ? undefined : String(initialCursor)),
        page: page && "value" in page ? page.value : undefined,
      };
      return {
        url: page && "url" in page ? new URL(page.url) : fillUrl(url, values),
        method: options.method,
        ...contentOf(headers, body, values),
      };
    },
  };
}

function contentOf(
  templates: Readonly<Record<string, string>>,
  template: string | undefined,
  values: TemplateValues,
): Pick<ApiRequest, "headers" | "body"> {
  const headers = { accept: "application/json", ...fillHeaders(templates, values) };
  if (template === undefined) return { headers, body: "" };
  const type = (headers as Record<string, string>)["content-type"] ?? "application/json";
  return { headers: { ...headers, "content-type": type }, body: fillBody(template, values, type) };
}

function check(options: PollOptions, usesCursor: boolean, parts: readonly (string | undefined)[]): void {
  const { cursor, initialCursor, id, overlap, next, method, body, version, from, expired } = options;
  const fail = (message: string): never => {
    throw new Error(message);
  };
  if (ms(options.interval) < 1) fail("interval must be at least 1ms");
  if (bytes(options.maxResponse) < 1) fail("maxResponse must be at least 1B");
  const named = parts.flatMap((part) => part?.match(/\{(cursor|page)\}/gi) ?? []);
  const misspelt = named.find((name) => name !== name.toLowerCase());
  if (misspelt) fail(`${misspelt} is not replaced: write it in lower case`);
  checkHeaders(options.headers ?? {});
  if (usesCursor && cursor === undefined)
    fail("{cursor} is used, so the option cursor must compute it from an answer");
  if (cursor !== undefined && !usesCursor && initialCursor !== undefined)
    fail("initialCursor has no effect: url, headers and body do not contain {cursor}");
  if (parts.some((part) => uses("page", part)) && next === undefined)
    fail("{page} is used, so the option next must compute it from an answer");
  if (id === undefined && !usesCursor)
    fail(
      "id is required when url, headers and body do not contain {cursor}: otherwise every poll would write all items again",
    );
  if (id === undefined && overlap !== undefined)
    fail("overlap requires id: otherwise the items that are read again would be written again");
  if (id === undefined && version !== undefined) fail("version requires id");
  if (id === undefined && from === "now") fail("from: now requires id");
  if (expired && !usesCursor) fail("expired has no effect: url, headers and body do not contain {cursor}");
  if (body !== undefined && method === "GET") fail("body requires method: POST or PUT");
  try {
    fillUrl(options.url, { cursor: "0", page: "0" });
  } catch {
    fail("url is not a valid URL after {cursor} and {page} are replaced");
  }
}
