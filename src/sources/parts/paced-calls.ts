// The calls of one source to an API, within its quota: a call is reserved in the cursor before it is made.

import type { AdapterContext } from "../../core/adapter.ts";
import { type Batch, type ReportProgress, SourceError } from "../../core/source.ts";
import { NotSent } from "./api-calls.ts";
import { areSpends, type Limits, Quota, type Spend } from "./quota.ts";

/** The part of a cursor that contains the calls. */
export interface QuotaState {
  /** The name of the shared quota. */
  readonly quotaName?: string;
  readonly quota?: readonly Spend[];
}

/** Returns the calls in a cursor, which count also after an operator has set another cursor. */
export function callsIn(stored: unknown): QuotaState | undefined {
  const { quota, quotaName } = (stored ?? {}) as QuotaState;
  if (quota === undefined) return undefined;
  return quotaName === undefined ? { quota } : { quotaName, quota };
}

/** The longest wait of a blocked source, in milliseconds. */
const MAX_SPARING_MS = 6 * 3_600_000;
/** The longest wait between two checks of the quota, in milliseconds: another source may return what it reserved. */
const CHECK_MS = 10_000;

/** Paces the calls of one source: waits for its quota, and reserves each call. */
export class PacedCalls {
  readonly #name: string;
  readonly #context: AdapterContext;
  readonly #quota: Quota;
  readonly #quotaName: string | undefined;
  readonly #itemsPerCall: number;

  /**
   * @param quotaName sources that name the same quota share one; undefined: the limits hold for this source alone
   * @throws Error when a limit of items lacks `itemsPerCall`, or is smaller than it
   */
  constructor(context: AdapterContext, limits: Limits, quotaName: string | undefined) {
    const { itemsPerCall = 0, itemsPerDay, itemsPerMonth } = limits;
    for (const [option, limit] of Object.entries({ itemsPerDay, itemsPerMonth })) {
      if (limit === undefined) continue;
      if (itemsPerCall === 0)
        throw new Error(
          `${option} requires itemsPerCall, the maximum number of items that the API returns per call`,
        );
      if (limit < itemsPerCall)
        throw new Error(
          `${option} must be at least itemsPerCall (${itemsPerCall}), which one call can return`,
        );
    }
    this.#name = context.name;
    this.#context = context;
    this.#quotaName = quotaName;
    this.#itemsPerCall = itemsPerCall;
    this.#quota =
      quotaName === undefined ? new Quota() : context.shared(`quota:${quotaName}`, () => new Quota());
    this.#quota.restrict(limits);
  }

  /** The state of the calls, to be added to every cursor. */
  get state(): QuotaState {
    const quota = this.#quota.stored(this.#name, this.#context.now());
    if (quota === undefined) return {};
    return { ...(this.#quotaName === undefined ? {} : { quotaName: this.#quotaName }), quota };
  }

  /** Loads the calls of all sources of the quota; see `Source.onTakeover`. */
  load(cursors: ReadonlyMap<string, unknown>): void {
    for (const [source, cursor] of cursors) {
      const { quotaName, quota } = (cursor ?? {}) as { quotaName?: unknown; quota?: unknown };
      const isOfQuota = source === this.#name || (quotaName !== undefined && quotaName === this.#quotaName);
      if (isOfQuota && areSpends(quota)) this.#quota.load(source, quota, this.#context.now());
    }
  }

  /** Called when the source starts. @returns a function to call when it ends */
  start(cursor: unknown): () => void {
    this.load(new Map([[this.#name, cursor]]));
    this.#quota.setRunning(this.#name, true);
    return () => this.#quota.setRunning(this.#name, false);
  }

  /**
   * Waits until a call is allowed, and reserves it.
   *
   * @param cursor returns the cursor without the calls
   */
  async *reserve<Cursor extends object>(
    cursor: () => Cursor,
    signal: AbortSignal,
    report: ReportProgress,
  ): AsyncGenerator<Batch<Cursor & QuotaState>, void> {
    const { now, sleep } = this.#context;
    // The turn comes first: a call that is reserved while it waits for its turn would be wasted if the process stops.
    await this.#sleep(this.#quota.takeTurn(now()), signal, report);
    for (;;) {
      const wait = this.#quota.reserve(this.#name, this.#itemsPerCall, now());
      this.#report(report, wait > 0 ? now() + wait : undefined);
      if (wait === 0) break;
      await sleep(Math.min(wait, CHECK_MS), signal);
    }
    if (this.#quota.isStored) yield { drafts: [], cursor: { ...cursor(), ...this.state } };
    await this.#sleep(this.#quota.startCall(now()), signal, report);
  }

  /** Waits for a call, and cancels its reservation if it was not sent. @throws the error of the call */
  async track<T>(call: Promise<T>, report: ReportProgress): Promise<T> {
    try {
      return await call;
    } catch (error) {
      if (error instanceof NotSent) this.#quota.cancel(this.#name);
      this.#report(report, undefined);
      throw error;
    }
  }

  /** Lets a source that is blocked try again rarely enough to keep half of its calls. */
  sparing(error: unknown): unknown {
    if (!(error instanceof SourceError) || error.kind !== "blocked" || error.retryAfterMs !== undefined)
      return error;
    const retryAfterMs = Math.min(MAX_SPARING_MS, this.#quota.sparingMs);
    return new SourceError("blocked", error.message, { retryAfterMs, cause: error });
  }

  /** Called after each call. @param items the number of items that it returned */
  settle(items: number, report: ReportProgress): void {
    this.#quota.settle(this.#name, items, this.#context.now());
    this.#report(report, undefined);
  }

  async #sleep(ms: number, signal: AbortSignal, report: ReportProgress): Promise<void> {
    if (ms === 0) return;
    report({ nextRunAt: this.#context.now() + ms });
    await this.#context.sleep(ms, signal);
  }

  #report(report: ReportProgress, nextRunAt: number | undefined): void {
    const { calls, items } = this.#quota.remaining(this.#context.now());
    report({ nextRunAt, quotaRemaining: calls, itemsRemaining: items });
  }
}
