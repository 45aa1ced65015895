// The progress of a round of pages: which items are new, and the cursor of the source after each page.

import { KnownIds } from "../../core/known-ids.ts";
import { SourceError } from "../../core/source.ts";
import type { NextPage } from "./pages.ts";
import type { PollPlan } from "./poll-plan.ts";
import type { PollState, Round, Validators } from "./poll-state.ts";

/** The maximum number of remembered ids: they are part of every cursor. */
const MAX_KNOWN = 20_000;
/** The ids of a round that are kept at each of its ends, so that it can start again when a page no longer exists. */
const ROUND_IDS = 5000;

/** What was read from a page. */
interface PageResult {
  readonly cursor: string | undefined;
  readonly next: NextPage;
  readonly validators: Validators | undefined;
  readonly items: number;
}

/** The progress within one page. */
export class RoundProgress {
  readonly #plan: PollPlan;
  readonly #state: PollState;
  readonly #round: Round;
  readonly #known: KnownIds;
  /** The items of this round, from the first one; used if the newest come first. */
  readonly #ids: KnownIds;
  #metKnown = false;
  /** The number of new items. */
  added = 0;

  constructor(plan: PollPlan, state: PollState) {
    this.#plan = plan;
    this.#state = state;
    this.#round = state.round ?? { pages: 0, items: 0 };
    this.#known = new KnownIds(state.known);
    this.#ids = new KnownIds(this.#round.ids);
  }

  /** Whether items are remembered and not written (`from: now`). */
  get isNoting(): boolean {
    return this.#plan.fromNow && this.#state.isStarted !== true;
  }

  /** Adds an item. @param hash undefined: the source has no ids @returns whether it is new */
  add(hash: string | undefined): boolean {
    const isNew = hash === undefined || this.#addHash(hash);
    if (isNew) this.added++;
    return isNew;
  }

  #addHash(hash: string): boolean {
    const { isNewestFirst, repeatsItems } = this.#plan;
    if (this.#known.has(hash)) {
      this.#metKnown = true;
      // The next poll returns it again, so it must be among those that are kept.
      if (repeatsItems && !isNewestFirst) this.#known.add(hash);
      return false;
    }
    if (this.#ids.has(hash)) return false;
    (isNewestFirst ? this.#ids : this.#known).add(hash);
    return true;
  }

  /** Whether the first page follows at once: the option next says so, or the items that exist are not all remembered. */
  isAgain(next: NextPage): boolean {
    const { usesCursor, isNewestFirst } = this.#plan;
    const isIncomplete =
      this.isNoting && usesCursor && !isNewestFirst && next === undefined && this.added > 0;
    return next === "again" || isIncomplete;
  }

  /** Returns the state after a page whose next page cannot be requested: its items are known, and the round starts again. */
  interrupted(): PollState {
    const { page: _, cursor: __, ...round } = this.#withIds();
    return { ...this.#state, ...this.#knownOf(this.#round.items, false), round };
  }

  /** Returns the state in which the round starts again, because the page no longer exists. Its items remain known. */
  repeated(): PollState {
    const { page: _, cursor: __, validators: ___, ...round } = this.#round;
    return { ...this.#state, round };
  }

  /** Returns the state after the page. @throws SourceError when there are too many items to remember */
  after({ cursor, next, validators, items }: PageResult): PollState {
    const { isNewestFirst, usesCursor, fromNow } = this.#plan;
    const count = this.#round.items + items;
    const isFirst = this.#round.page === undefined;
    const newCursor = isNewestFirst && !isFirst ? this.#round.cursor : (cursor ?? this.#round.cursor);
    const firstValidators = isFirst ? validators : this.#round.validators;
    const isLast =
      typeof next !== "object" ||
      (isNewestFirst &&
        (usesCursor ? this.isNoting && newCursor !== undefined : this.#metKnown && this.added === 0));
    // An unchanged first page says nothing about the pages after it, unless the newest items come first.
    const usable = isNewestFirst || (isFirst && isLast) ? firstValidators : undefined;
    const { round: _, validators: __, ...state } = this.#state;
    if (isLast) {
      if (isNewestFirst) this.#known.addAll(this.#ids.reversed());
      return {
        ...state,
        ...(newCursor === undefined ? {} : { cursor: newCursor }),
        ...this.#knownOf(count, true),
        ...(fromNow && !(this.isNoting && this.isAgain(next)) ? { isStarted: true } : {}),
        ...(usable === undefined ? {} : { validators: usable }),
      };
    }
    const round: Round = {
      ...this.#withIds(),
      page: next,
      pages: this.#round.pages + 1,
      items: count,
      ...(newCursor === undefined ? {} : { cursor: newCursor }),
      ...(firstValidators === undefined ? {} : { validators: firstValidators }),
    };
    return { ...state, ...this.#knownOf(count, false), round };
  }

  #withIds(): Round {
    if (!this.#plan.isNewestFirst || this.#plan.id === undefined) return this.#round;
    this.#ids.keepEnds(Math.max(this.#plan.dedupe, ROUND_IDS));
    return { ...this.#round, ids: this.#ids.toString() };
  }

  /**
   * @param items the number of items of the round so far
   * @param isLast whether the round ends: before, the items of the last round, and of this one, are still needed
   */
  #knownOf(items: number, isLast: boolean): Pick<PollState, "known" | "most"> {
    const { dedupe, id, repeatsItems, usesCursor } = this.#plan;
    if (id === undefined) return {};
    if (!usesCursor && items > MAX_KNOWN)
      throw new SourceError(
        "blocked",
        `a poll returned more than ${MAX_KNOWN} items, and the source cannot remember more ids: use {cursor}, so that the API returns only new items`,
      );
    // A poll may return fewer items for a moment, for example while the API starts.
    const most = Math.min(MAX_KNOWN, Math.max(items, this.#state.most ?? 0));
    const kept = isLast ? (repeatsItems ? most : 0) : repeatsItems ? MAX_KNOWN : 2 * ROUND_IDS;
    this.#known.keepNewest(Math.max(dedupe, kept));
    return {
      ...(this.#known.size === 0 ? {} : { known: this.#known.toString() }),
      ...(repeatsItems && most > dedupe ? { most } : {}),
    };
  }
}
