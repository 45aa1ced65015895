// Polls an API: each poll is a round of pages. What is known, and the next page, are committed with the items of each page.

import type { AdapterContext } from "../../core/adapter.ts";
import { messageOf } from "../../core/errors.ts";
import { ExpressionError, toText } from "../../core/expressions.ts";
import { hashOf } from "../../core/known-ids.ts";
import { type Batch, type ReportProgress, type SourceDraft, SourceError } from "../../core/source.ts";
import { yieldToEventLoop } from "../../core/time.ts";
import type { ApiCalls, ApiRequest } from "../parts/api-calls.ts";
import { draftOf, hashOfItem } from "../parts/drafts.ts";
import type { PacedCalls } from "../parts/paced-calls.ts";
import { type ApiAnswer, bindingsOf, type Item, itemsOf, parseAnswer, readItem } from "./answers.ts";
import { failureIn, isExpired } from "./failures.ts";
import { type NextPage, nextPage } from "./pages.ts";
import type { PollPlan } from "./poll-plan.ts";
import type { PollState, Validators } from "./poll-state.ts";
import { RoundProgress } from "./round.ts";

export interface PollDeps {
  readonly plan: PollPlan;
  readonly api: ApiCalls;
  readonly calls: PacedCalls;
  readonly context: AdapterContext;
}

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
  readonly #signal: AbortSignal;
  readonly #report: ReportProgress;
  #state: PollState;

  constructor(deps: PollDeps, state: PollState, signal: AbortSignal, report: ReportProgress) {
    const { quota: _, quotaName: __, ...own } = state;
    this.#deps = deps;
    this.#state = own;
    this.#signal = signal;
    this.#report = report;
  }

  async *run(): AsyncGenerator<Batch<PollState>, never> {
    const { plan, context } = this.#deps;
    for (;;) {
      const nextRunAt = context.now() + plan.intervalMs;
      yield* this.#poll();
      this.#report({ nextRunAt });
      await context.sleep(Math.max(0, nextRunAt - context.now()), this.#signal);
    }
  }

  /** Reads pages until the last one, at most `maxPages`. */
  async *#poll(): AsyncGenerator<Batch<PollState>, void> {
    for (let pages = 0; pages < this.#deps.plan.maxPages; pages++) if (!(yield* this.#readPage())) return;
  }

  /** Reads the next page, and yields its items. @returns whether another page follows at once */
  async *#readPage(): AsyncGenerator<Batch<PollState>, boolean> {
    const { plan, calls } = this.#deps;
    const page = this.#state.round?.page;
    const request = plan.request(this.#state.cursor, page);
    const answer = yield* this.#request(request);
    if (answer.status === 304) {
      calls.settle(0, this.#report);
      return false;
    }
    if (await this.#evaluated("expired.when", () => isExpired(plan.expired, answer))) {
      calls.settle(0, this.#report);
      yield this.#startAgain();
      return true;
    }
    const failure = await this.#failureOf(request, answer);
    if (failure) {
      calls.settle(0, this.#report);
      if (page === undefined || !isGone(answer.status) || this.#state.round?.isRepeated) throw failure;
      yield this.#commit([], new RoundProgress(plan, this.#state).repeated());
      return true;
    }
    const read = await this.#parse(request, answer);
    calls.settle(read.items.length, this.#report);
    return yield* this.#write(read);
  }

  /** Sends a request, and again with a new token after 401. */
  async *#request(request: ApiRequest): AsyncGenerator<Batch<PollState>, ApiAnswer> {
    const { api, calls } = this.#deps;
    const conditional = { ...request, headers: { ...request.headers, ...this.#conditions(request) } };
    const reserve = () => calls.reserve(() => this.#state, this.#signal, this.#report);
    yield* reserve();
    let answer = await api.fetch(conditional, this.#signal);
    if (answer.status === 401 && (await api.renewToken())) {
      calls.settle(0, this.#report);
      yield* reserve();
      answer = await api.fetch(conditional, this.#signal);
    }
    this.#report();
    return parseAnswer(answer);
  }

  #conditions({ url }: ApiRequest): Record<string, string> {
    const { round, validators } = this.#state;
    if (round !== undefined || validators?.of !== hashOf(url.href)) return {};
    const { etag, lastModified } = validators;
    return {
      ...(etag === undefined ? {} : { "if-none-match": etag }),
      ...(lastModified === undefined ? {} : { "if-modified-since": lastModified }),
    };
  }

  /** Forgets a cursor that has expired. */
  #startAgain(): Batch<PollState> {
    const { context, api, plan } = this.#deps;
    const { cursor: after, round: _, validators: __, cursor: ___, ...rest } = this.#state;
    if (after === undefined)
      throw new SourceError(
        "blocked",
        `${api.nameOf(plan.request(undefined, undefined))} reports that the cursor has expired, but the request contains initialCursor or no cursor: set another initialCursor, or correct the option expired`,
      );
    const at = new Date(context.now()).toISOString();
    const batch = this.#commit([], { ...rest, lost: { at, after } });
    return {
      ...batch,
      lost: `the API no longer knows cursor ${JSON.stringify(after)}; items after it may be lost. The source starts again from ${plan.initialCursor === undefined ? "the oldest items that the API has" : "initialCursor"}`,
    };
  }

  async #failureOf(request: ApiRequest, answer: ApiAnswer): Promise<SourceError | undefined> {
    const { plan, api } = this.#deps;
    const name = api.nameOf(request);
    const found = await this.#evaluated("failure", () => failureIn(plan.failure, answer, name));
    if (found) return found;
    if (answer.status < 200 || answer.status >= 300) return api.statusError(request, answer);
    if (answer.isJson || answer.body.length === 0) return undefined;
    return new SourceError(
      "passing",
      `${name} answered ${answer.status} with a body that is not JSON; if this continues, check the URL of the source`,
    );
  }

  async #parse({ url }: ApiRequest, answer: ApiAnswer): Promise<ReadPage> {
    const { plan, api } = this.#deps;
    const { cursor: current } = this.#state;
    await yieldToEventLoop();
    const items = await this.#evaluated("items", () => itemsOf(answer, plan.itemsPath, plan.items));
    const found = await this.#evaluated("cursor", () =>
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
      const next = await this.#evaluated("next", () =>
        nextPage(plan.next, answer, url, current, api.nameOf({ url })),
      );
      return { items, cursor, next, fault: undefined, validators };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      return { items, cursor, next: undefined, fault: error, validators };
    }
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
    if (drafts.length > 0 || JSON.stringify(after) !== JSON.stringify(before))
      yield this.#commit(drafts, after);
    if (fault) throw fault;
    if (progress.isStuck(next, drafts.length))
      throw new SourceError(
        "blocked",
        `next: the response names the page that was just read, which has no new items; correct the expression next of source "${context.name}"`,
      );
    if (next === "again") return drafts.length > 0 || after.cursor !== before.cursor;
    return after.round?.page !== undefined;
  }

  #commit(drafts: readonly SourceDraft[], state: PollState): Batch<PollState> {
    const { quota: _, quotaName: __, ...own } = state;
    this.#state = own;
    return { drafts, cursor: { ...own, ...this.#deps.calls.state } };
  }

  /** Names the option in the error of its expression. */
  async #evaluated<T>(option: string, work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw new SourceError("blocked", `${option}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** Whether a page may no longer exist, although the API works. */
const isGone = (status: number): boolean => [400, 404, 410, 422].includes(status);
