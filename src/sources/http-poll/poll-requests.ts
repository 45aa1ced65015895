// The requests of one run of a source that polls: reserves the calls, and tells successes from failures.

import type { AdapterContext } from "../../core/adapter.ts";
import { messageOf } from "../../core/errors.ts";
import { ExpressionError } from "../../core/expressions.ts";
import { hashOf } from "../../core/known-ids.ts";
import { type Batch, type ReportProgress, SourceError } from "../../core/source.ts";
import type { ApiCalls, ApiRequest } from "../parts/api-calls.ts";
import type { PacedCalls } from "../parts/paced-calls.ts";
import { type ApiAnswer, parseAnswer } from "./answers.ts";
import { failureIn } from "./failures.ts";
import type { PollPlan } from "./poll-plan.ts";
import type { PollState } from "./poll-state.ts";

export interface PollDeps {
  readonly plan: PollPlan;
  readonly api: ApiCalls;
  readonly calls: PacedCalls;
  readonly context: AdapterContext;
  readonly uncommitted: Uncommitted;
}

/**
 * The last answer whose items were not committed. It is used again after a failure of the commit, because a call may be billed.
 */
export interface Uncommitted {
  request?: string | undefined;
  answer?: ApiAnswer | undefined;
}

/** An answer, and whether its call has been settled: an answer that is used again needs no call. */
interface Obtained {
  readonly answer: ApiAnswer;
  readonly isSettled: boolean;
}

/** The requests of one run. */
export class PollRequests {
  readonly #deps: PollDeps;
  readonly #signal: AbortSignal;
  readonly #report: ReportProgress;

  constructor(deps: PollDeps, signal: AbortSignal, report: ReportProgress) {
    this.#deps = deps;
    this.#signal = signal;
    this.#report = report;
  }

  /** Returns the answer to a request: a new one, or the last one if its items were not committed. */
  async *answerTo(request: ApiRequest, state: PollState): AsyncGenerator<Batch<PollState>, Obtained> {
    const { uncommitted } = this.#deps;
    const { answer } = uncommitted;
    uncommitted.answer = undefined;
    if (answer && uncommitted.request === keyOf(request)) return { answer, isSettled: true };
    return { answer: yield* this.#request(request, state), isSettled: false };
  }

  /** Keeps an answer until `forget`, which is called when its items are committed. */
  keep(request: ApiRequest, answer: ApiAnswer): void {
    this.#deps.uncommitted.request = keyOf(request);
    this.#deps.uncommitted.answer = answer;
  }

  forget(): void {
    this.#deps.uncommitted.answer = undefined;
  }

  /** @returns undefined for an answer that contains items, or none */
  async failureOf(request: ApiRequest, answer: ApiAnswer): Promise<SourceError | undefined> {
    const { plan, api } = this.#deps;
    const name = api.nameOf(request);
    const found = await evaluated("failure", () => failureIn(plan.failure, answer, name));
    if (found) return found;
    if (answer.status < 200 || answer.status >= 300) return api.statusError(request, answer);
    if (answer.isJson || answer.value === undefined) return undefined;
    if (answer.fault !== undefined)
      return new SourceError("blocked", `${name}: ${answer.fault} Request smaller pages.`);
    return new SourceError(
      "passing",
      `${name} answered ${answer.status} with a body that is not JSON; if this continues, check the URL of the source`,
    );
  }

  /** Sends a request, and again with a new token after 401. */
  async *#request(request: ApiRequest, state: PollState): AsyncGenerator<Batch<PollState>, ApiAnswer> {
    const { api, calls } = this.#deps;
    const conditional = { ...request, headers: { ...request.headers, ...conditionsOf(request, state) } };
    const reserve = () => calls.reserve(() => state, this.#signal, this.#report);
    // Before the call is reserved: a failure of the token endpoint would waste it.
    await api.prepare();
    yield* reserve();
    let answer = await calls.track(api.fetch(conditional, this.#signal), this.#report);
    if (answer.status === 401 && (await api.renewToken())) {
      calls.settle(0, this.#report);
      yield* reserve();
      answer = await calls.track(api.fetch(conditional, this.#signal), this.#report);
    }
    this.#report();
    return parseAnswer(answer);
  }
}

function conditionsOf({ url }: ApiRequest, { round, validators }: PollState): Record<string, string> {
  if (round !== undefined || validators?.of !== hashOf(url.href)) return {};
  const { etag, lastModified } = validators;
  return {
    ...(etag === undefined ? {} : { "if-none-match": etag }),
    ...(lastModified === undefined ? {} : { "if-modified-since": lastModified }),
  };
}

const keyOf = ({ url, method, body }: ApiRequest): string => `${method} ${url.href} ${body}`;

/** Names the option in the error of its expression. @throws SourceError */
export async function evaluated<T>(option: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new SourceError("blocked", `${option}: ${messageOf(error)}`, { cause: error });
  }
}
