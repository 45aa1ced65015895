// Polls an API: each poll is a round of pages. What is known, and the next page, are committed with the items of each page.

import { toText } from "../../core/expressions.ts";
import { hashOf } from "../../core/known-ids.ts";
import { type Batch, type ReportProgress, type SourceDraft, SourceError } from "../../core/source.ts";
import { yieldToEventLoop } from "../../core/time.ts";
import type { ApiRequest } from "../parts/api-calls.ts";
import { draftOf, hashOfItem } from "../parts/drafts.ts";
import { type ApiAnswer, bindingsOf, type Item, itemsOf, readItem } from "./answers.ts";
import { isExpired } from "./failures.ts";
import { type NextPage, nextPage } from "./pages.ts";
import { evaluated, type PollDeps, PollRequests } from "./poll-requests.ts";
import { type PollState, type Validators, withoutQuery } from "./poll-state.ts";
import { RoundProgress } from "./round.ts";

/** The content of a page, and what comes next. */
interface ReadPage {
  readonly items: readonly Item[];
  readonly cursor: string | undefined;
  readonly next: NextPage;
  /** Set when the next page cannot be requested. */
  readonly fault: SourceError | undefined;
  readonly validators: Validators | undefined;
}

/** One run of a source that polls. */
export class PollRun {
  readonly #deps: PollDeps;
  readonly #requests: PollRequests;
  readonly #signal: AbortSignal;
  readonly #report: ReportProgress;
  #state: PollState;
  /** The last committed state, as JSON. */
  #committed: string;
  #hasWarned = false;
  /** The pages of this poll. */
  #visited = new Set<string>();

  constructor(deps: PollDeps, state: PollState, signal: AbortSignal, report: ReportProgress) {
    const { quota: _, quotaName: __, ...own } = state;
    this.#deps = deps;
    this.#requests = new PollRequests(deps, signal, report);
    this.#state = own;
    this.#committed = JSON.stringify(own);
    this.#signal = signal;
    this.#report = report;
  }

  async *run(): AsyncGenerator<Batch<PollState>, never> {
    const { plan, context } = this.#deps;
    for (;;) {
      const nextRunAt = context.now() + plan.intervalMs;
      try {
        yield* this.#poll();
      } catch (error) {
        // The pages that were read need not be read again.
        const isChanged = JSON.stringify(this.#state) !== this.#committed;
        if (isChanged && !this.#signal.aborted) yield this.#commit([], this.#state);
        throw error;
      }
      this.#report({ nextRunAt });
      await context.sleep(Math.max(0, nextRunAt - context.now()), this.#signal);
    }
  }

  /** Reads pages until the last one, at most `maxPages`. */
  async *#poll(): AsyncGenerator<Batch<PollState>, void> {
    this.#visited = new Set();
    for (let pages = 0; pages < this.#deps.plan.maxPages; pages++) if (!(yield* this.#readPage())) return;
  }

  /** Reads the next page, and yields its items. @returns whether another page follows at once */
  async *#readPage(): AsyncGenerator<Batch<PollState>, boolean> {
    const { plan, calls } = this.#deps;
    const page = this.#state.round?.page;
    const request = plan.request(this.#state.cursor, page);
    const { answer, isSettled } = yield* this.#requests.answerTo(request, this.#state);
    const settle = (items: number): void => {
      if (!isSettled) calls.settle(items, this.#report);
    };
    if (answer.status === 304) {
      settle(0);
      return false;
    }
    const isFirst = page === undefined;
    if (isFirst && (await evaluated("expired.when", () => isExpired(plan.expired, answer)))) {
      settle(0);
      yield this.#startAgain();
      return true;
    }
    const failure = await this.#requests.failureOf(request, answer);
    if (failure) {
      settle(0);
      if (isFirst || !isGone(answer.status)) throw failure;
      yield this.#commit([], new RoundProgress(plan, this.#state).repeated());
      throw new SourceError(
        "passing",
        `${this.#deps.api.nameOf(request)} answered ${answer.status} for a page after the first one; the poll starts again from the first page`,
      );
    }
    const read = await this.#parse(request, answer);
    settle(read.items.length);
    this.#requests.keep(request, answer);
    const goesOn = yield* this.#write(read);
    this.#requests.forget();
    return goesOn;
  }

  /** Forgets a cursor that has expired. */
  #startAgain(): Batch<PollState> {
    const { context, api, plan } = this.#deps;
    const { cursor: after, round: _, validators: __, ...rest } = this.#state;
    if (after === undefined)
      throw new SourceError(
        "blocked",
        `${api.nameOf(plan.request(undefined, undefined))} reports that the cursor has expired, but the request contains initialCursor or no cursor: set another initialCursor, or correct the option expired`,
      );
    const at = new Date(context.now()).toISOString();
    const batch = this.#commit([], { ...rest, lost: { at, after } });
    return {
      ...batch,
      lost: `the API no longer knows cursor ${JSON.stringify(withoutQuery(after))}; items after it may be lost. The source starts again from ${plan.initialCursor === undefined ? "the oldest items that the API has" : "initialCursor"}`,
    };
  }

  async #parse({ url }: ApiRequest, answer: ApiAnswer): Promise<ReadPage> {
    const { plan, api } = this.#deps;
    const { cursor: current } = this.#state;
    await yieldToEventLoop();
    const items = await evaluated("items", () => itemsOf(answer, plan.itemsPath, plan.items));
    if (items.length === 0) this.#warnOnce(answer);
    const found = await evaluated("cursor", () =>
      plan.cursor?.evaluate(answer.value, bindingsOf(answer, current)),
    );
    const cursor = found === undefined || found === null ? undefined : toText(found);
    const { etag, "last-modified": lastModified } = answer.headers;
    const validators =
      etag === undefined && lastModified === undefined
        ? undefined
        : {
            of: hashOf(url.href),
            ...(etag === undefined ? {} : { etag }),
            ...(lastModified === undefined ? {} : { lastModified }),
          };
    try {
      const next = await evaluated("next", () =>
        nextPage(plan.next, answer, url, current, api.nameOf({ url })),
      );
      return { items, cursor, next, fault: undefined, validators };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      return { items, cursor, next: undefined, fault: error, validators };
    }
  }

  /** A wrong path would otherwise look like an API without items. */
  #warnOnce({ value }: ApiAnswer): void {
    const { plan, context } = this.#deps;
    const { itemsPath: path } = plan;
    const isNew = this.#state.known === undefined && this.#state.cursor === undefined;
    if (this.#hasWarned || !isNew || !path || value === undefined || hasMember(value, path)) return;
    this.#hasWarned = true;
    context.log.warn(
      { source: context.name },
      "the response has nothing at the path items, and is treated as a response without items; check the option items",
    );
  }

  /** Yields the new items of a page. @returns whether another page follows at once */
  async *#write({
    items,
    cursor,
    next,
    fault,
    validators,
  }: ReadPage): AsyncGenerator<Batch<PollState>, boolean> {
    const { plan, context } = this.#deps;
    const progress = new RoundProgress(plan, this.#state);
    const drafts: SourceDraft[] = [];
    for (const item of items) {
      await yieldToEventLoop();
      const { bytes, value } = readItem(item);
      const identity = await hashOfItem(plan, bytes, value);
      if (!progress.add(identity?.hash) || progress.isNoting) continue;
      drafts.push(await draftOf(plan, bytes, value, identity?.fault));
    }
    // Without ids, the items would be written again with each attempt.
    if (fault && plan.id === undefined) throw fault;
    const before = this.#state;
    const after = fault
      ? progress.interrupted()
      : progress.after({ cursor, next, validators, items: items.length });
    const isLast = after.round?.page === undefined;
    // A page without new items changes nothing that must survive.
    if (drafts.length > 0 || (isLast && JSON.stringify(after) !== this.#committed))
      yield this.#commit(drafts, after);
    this.#state = after;
    if (fault) throw fault;
    if (progress.isAgain(next)) return progress.added > 0 || after.cursor !== before.cursor;
    if (isLast) return false;
    const page = JSON.stringify(after.round?.page);
    if (this.#visited.has(page) && progress.added === 0)
      throw new SourceError(
        "blocked",
        `next: the response names a page that was read before in this poll, and it has no new items; correct the expression next of source "${context.name}"`,
      );
    this.#visited.add(page);
    return true;
  }

  #commit(drafts: readonly SourceDraft[], state: PollState): Batch<PollState> {
    const { quota: _, quotaName: __, ...own } = state;
    this.#state = own;
    this.#committed = JSON.stringify(own);
    return { drafts, cursor: { ...own, ...this.#deps.calls.state } };
  }
}

/** Whether a page may no longer exist, although the API works. */
const isGone = (status: number): boolean => [400, 404, 410, 422].includes(status);

/** Whether a value has a member at the end of a path. */
function hasMember(value: unknown, path: readonly string[]): boolean {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !(name in at)) return false;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return true;
}
