// Counts the calls of sources against the limits of an API. A limit holds in every period of a second, a day or 31 days, so that
// the API may start a new period at any time. The calls of the last day or month are stored in the cursors.

import { number } from "../../core/options.ts";

const integer = { type: "integer", minimum: 1 } as const;

/** The options for the limits of an API. */
export const quotaOptions = {
  callsPerSecond: number("The maximum number of calls per second. 0.1 means one call per ten seconds.", {
    exclusiveMinimum: 0,
  }),
  callsPerDay: number("The maximum number of calls in any 24 hours.", integer),
  callsPerMonth: number("The maximum number of calls in any 31 days.", integer),
  itemsPerDay: number(
    "The maximum number of items that the API may return in any 24 hours, for an API that bills per item. Requires itemsPerCall.",
    integer,
  ),
  itemsPerMonth: number(
    "The maximum number of items that the API may return in any 31 days. Requires itemsPerCall.",
    integer,
  ),
  itemsPerCall: number(
    "The maximum number of items that one call can return. It does not change the request: set the page size in url.",
    integer,
  ),
} as const;

/** The limits of one source. */
export interface Limits {
  readonly callsPerSecond?: number;
  readonly callsPerDay?: number;
  readonly callsPerMonth?: number;
  readonly itemsPerDay?: number;
  readonly itemsPerMonth?: number;
  readonly itemsPerCall?: number;
}

/** Calls at a time (milliseconds since 1970), and the items that they returned. Calls at about the same time are added up. */
export type Spend = readonly [time: number, calls: number, items: number];

const HOUR = 3_600_000;
/** A call is made, and counted by the API, up to a minute after it was reserved. */
const DELAY_MS = 60_000;
const DAY = 24 * HOUR + DELAY_MS;
const MONTH = 31 * 24 * HOUR + DELAY_MS;
/** Calls within one slot are stored as one entry, with the time of the last call: slots of the last day, and of older calls. */
const DAY_SLOT = HOUR / 4;
const MONTH_SLOT = 12 * HOUR;

/** The maximum number of sources that wait for their turn. */
const MAX_TURNS = 100;

interface Window {
  readonly ms: number;
  readonly calls: number;
  readonly items: number;
}

/** The limits of one API account, which several sources may share. All of them run in one process. */
export class Quota {
  #period = 0;
  readonly #windows: Window[] = [];
  /** The calls per source. */
  readonly #spends = new Map<string, Spend[]>();
  readonly #running = new Set<string>();
  #nextTurnAt = 0;
  #nextCallAt = 0;

  /** Adds the limits of a source. Of several limits for the same period, the smallest applies. */
  restrict({ callsPerSecond, callsPerDay, callsPerMonth, itemsPerDay, itemsPerMonth }: Limits): void {
    if (callsPerSecond !== undefined) this.#period = Math.max(this.#period, 1000 / callsPerSecond);
    this.#addWindow(DAY, callsPerDay, itemsPerDay);
    this.#addWindow(MONTH, callsPerMonth, itemsPerMonth);
  }

  #addWindow(ms: number, calls = Number.POSITIVE_INFINITY, items: number = Number.POSITIVE_INFINITY): void {
    if (calls < Number.POSITIVE_INFINITY || items < Number.POSITIVE_INFINITY)
      this.#windows.push({ ms, calls, items });
  }

  /** Whether calls are counted beyond the current second, so that they must be stored. */
  get isStored(): boolean {
    return this.#windows.length > 0;
  }

  /** Sets the stored calls of a source that does not run in this process. Called before a source of the quota runs. */
  load(source: string, spends: readonly Spend[] | undefined, now: number): void {
    if (this.#running.has(source)) return;
    this.#spends.set(source, [...(spends ?? [])]);
    // The previous owner may have made a call just now.
    this.#nextTurnAt = Math.max(this.#nextTurnAt, now + this.#period);
  }

  /** Called when a source starts to run, and when it stops. */
  setRunning(source: string, isRunning: boolean): void {
    if (isRunning) this.#running.add(source);
    else this.#running.delete(source);
  }

  /**
   * Counts a call before it is made.
   *
   * @param items the maximum number of items that it returns
   * @returns 0, or the milliseconds after which to try again because a limit is reached
   */
  reserve(source: string, items: number, now: number): number {
    this.#forgetOld(now);
    const wait = Math.max(0, ...this.#windows.map((window) => this.#waitFor(window, items, now)));
    if (wait === 0) this.#own(source).push([now, 1, items]);
    return wait;
  }

  /** Corrects the last reservation of a source after its call. @param items the number of items that the call returned */
  settle(source: string, items: number, now: number): void {
    const own = this.#own(source);
    if (own.pop() !== undefined) own.push([now, 1, items]);
  }

  /** Removes the last reservation of a source: its call was not made. */
  cancel(source: string): void {
    this.#own(source).pop();
  }

  /** Returns how long a source must wait so that its tries use at most half of its calls, in milliseconds. */
  get sparingMs(): number {
    return Math.max(0, ...this.#windows.map(({ ms, calls }) => (2 * ms) / calls));
  }

  /** Takes the next turn of the limit per second. @returns the milliseconds until then */
  takeTurn(now: number): number {
    const at = Math.max(now, this.#sane(this.#nextTurnAt, now));
    this.#nextTurnAt = at + this.#period;
    return at - now;
  }

  /**
   * Called just before a call. Needed besides `takeTurn`, because the time between the turn and the call varies.
   *
   * @returns the milliseconds until the call may be made
   */
  startCall(now: number): number {
    const at = Math.max(now, this.#sane(this.#nextCallAt, now));
    this.#nextCallAt = at + this.#period;
    return at - now;
  }

  /** A time that is too far away was computed before the clock was set back. */
  #sane(time: number, now: number): number {
    return time - now > MAX_TURNS * this.#period ? now : time;
  }

  /** The calls and items that are left now; undefined without such a limit. */
  remaining(now: number): { readonly calls: number | undefined; readonly items: number | undefined } {
    const left = (limit: "calls" | "items"): number | undefined => {
      const rests = this.#windows
        .filter((window) => Number.isFinite(window[limit]))
        .map((window) => Math.max(0, window[limit] - this.#spent(window, now)[limit]));
      return rests.length === 0 ? undefined : Math.min(...rests);
    };
    return { calls: left("calls"), items: left("items") };
  }

  /** The calls of a source, to be stored. */
  stored(source: string, now: number): readonly Spend[] | undefined {
    if (!this.isStored) return undefined;
    this.#forgetOld(now);
    return [...this.#own(source)];
  }

  #own(source: string): Spend[] {
    const own = this.#spends.get(source) ?? [];
    this.#spends.set(source, own);
    return own;
  }

  #forgetOld(now: number): void {
    const longest = Math.max(0, ...this.#windows.map(({ ms }) => ms));
    for (const [source, spends] of this.#spends) {
      const recent = spends.filter(([time]) => time > now - longest);
      this.#spends.set(source, merged(recent, now));
    }
  }

  #in({ ms }: Window, now: number): Spend[] {
    return [...this.#spends.values()].flat().filter(([time]) => time > now - ms);
  }

  #spent(window: Window, now: number): { readonly calls: number; readonly items: number } {
    let [calls, items] = [0, 0];
    for (const spend of this.#in(window, now)) {
      calls += spend[1];
      items += spend[2];
    }
    return { calls, items };
  }

  /** Returns the time until enough calls have left the window, in milliseconds. */
  #waitFor(window: Window, wanted: number, now: number): number {
    let { calls, items } = this.#spent(window, now);
    if (calls < window.calls && items + wanted <= window.items) return 0;
    for (const spend of this.#in(window, now).sort((a, b) => a[0] - b[0])) {
      calls -= spend[1];
      items -= spend[2];
      if (calls < window.calls && items + wanted <= window.items) return spend[0] + window.ms - now;
    }
    return window.ms;
  }
}

/** Adds up calls at about the same time. The last one stays as it is, because it may still be corrected. */
function merged(spends: readonly Spend[], now: number): Spend[] {
  const result: Spend[] = [];
  for (const spend of spends.slice(0, -1)) {
    const before = result.at(-1);
    const slot = now - spend[0] < DAY ? DAY_SLOT : MONTH_SLOT;
    if (before && Math.floor(before[0] / slot) === Math.floor(spend[0] / slot))
      result[result.length - 1] = [spend[0], before[1] + spend[1], before[2] + spend[2]];
    else result.push(spend);
  }
  return result.concat(spends.slice(-1));
}

/** Whether a stored value can be the calls of a source. */
export const areSpends = (value: unknown): value is readonly Spend[] | undefined =>
  value === undefined ||
  (Array.isArray(value) &&
    value.every((spend) => Array.isArray(spend) && spend.length === 3 && spend.every(Number.isFinite)));
