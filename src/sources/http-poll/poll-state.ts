// The cursor of a source that polls: the API's own cursor, the page that comes next, and the items that are known.

import { isKnownIds, KnownIds } from "../../core/known-ids.ts";
import { invalidCursor } from "../../core/source.ts";
import type { QuotaState } from "../parts/paced-calls.ts";

/** A value that identifies a page: a URL, or the value for `{page}`. */
export type Page = { readonly url: string } | { readonly value: string };

/** A round that has begun: the requests from the first page to the last one. */
export interface Round {
  /** The next page; undefined: the first page. */
  readonly page?: Page;
  /** The number of pages and of items that were read. */
  readonly pages: number;
  readonly items: number;
  /** The API's cursor after the round. */
  readonly cursor?: string;
  /** The hashes of the items of the round, if the newest come first. */
  readonly ids?: string;
  /** The validators of the first page, for the next round. */
  readonly validators?: Validators;
}

/** What an API needs to answer 304 (RFC 9110, section 8.8). */
export interface Validators {
  /** The hash of the URL that they belong to. */
  readonly of: string;
  readonly etag?: string;
  readonly lastModified?: string;
}

export interface PollState extends QuotaState {
  /** The API's cursor, as text; absent before the first round. */
  readonly cursor?: string;
  /** The hashes of known items, from the oldest to the newest. */
  readonly known?: string;
  /** The largest number of items of a round, if polls return items again. */
  readonly most?: number;
  /** Whether the items that existed at the first start have been remembered (`from: now`). */
  readonly isStarted?: boolean;
  readonly round?: Round;
  readonly validators?: Validators;
  /** The last time that the API reported an expired cursor, and the cursor after which items may be lost. */
  readonly lost?: { readonly at: string; readonly after: string };
}

/** The members that `checkState` does not check. */
const MEMBERS = ["isStarted", "lost", "most", "quota", "quotaName", "validators"];

/**
 * Checks a cursor, which may have been set by hand: then it contains `cursor` alone.
 *
 * @throws SourceError
 */
export function checkState(name: string, stored: unknown): PollState {
  if (stored === undefined) return {};
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) throw invalidCursor(name);
  const { cursor, known, round, ...rest } = stored as Record<string, unknown>;
  if (Object.keys(rest).some((member) => !MEMBERS.includes(member))) throw invalidCursor(name);
  if (!isKnownIds(known) || (round !== undefined && !isRound(round))) throw invalidCursor(name);
  if (cursor !== undefined && typeof cursor !== "string" && typeof cursor !== "number")
    throw invalidCursor(name);
  return {
    ...(rest as PollState),
    // A cursor that was set by hand is a start.
    ...(cursor === undefined ? {} : { cursor: String(cursor), isStarted: true }),
    ...(known === undefined ? {} : { known }),
    ...(round === undefined ? {} : { round }),
  };
}

const isRound = (value: unknown): value is Round => {
  if (typeof value !== "object" || value === null) return false;
  const { pages, items, ids } = value as Partial<Round>;
  return Number.isSafeInteger(pages) && Number.isSafeInteger(items) && isKnownIds(ids);
};

/** Returns the cursor as `/sources` shows it: without what may be secret, and with the number of known ids instead of their hashes. */
export function shownState(stored: unknown): unknown {
  const { cursor, known, round, lost, isStarted } = (stored ?? {}) as PollState;
  const count = (ids: string | undefined): number => new KnownIds(ids).size;
  return {
    ...(cursor === undefined ? {} : { cursor: withoutQuery(cursor) }),
    ...(known === undefined ? {} : { known: count(known) }),
    ...(isStarted === undefined ? {} : { isStarted }),
    ...(round === undefined ? {} : { round: { pages: round.pages, items: round.items } }),
    ...(lost === undefined ? {} : { lost: { at: lost.at, after: withoutQuery(lost.after) } }),
  };
}

/** A cursor may be a link, whose query may contain a key. */
export const withoutQuery = (cursor: string): string => cursor.replace(/\?.*=.*$/s, "");
