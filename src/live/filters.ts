// The filters of all streams. Streams with equal filters share one, which runs once per entry of a ring. Filters
// run one after the other, so that none blocks the event loop, or is charged for the time of another.

import { bindingsOf } from "../core/bindings.ts";
import { type ClientFilter, compileClientFilter, MAX_FILTERED_VALUE } from "../core/client-filter.ts";
import { messageOf, OnrampError } from "../core/errors.ts";
import type { Bindings } from "../core/expressions.ts";
import { parsedValue } from "../core/json-numbers.ts";
import type { ConsumedRecord } from "../core/ports.ts";
import { EMPTY_SELECTION, NO_SKIPPED, type RecordsEntry, type Selection } from "./entry.ts";
import { FilterCost } from "./filter-cost.ts";

/** The maximum number of different filters of the process. */
const MAX_FILTERS = 100;
/** How long one filter runs before other work and the next filter, in milliseconds. */
const SLICE_MS = 4;
/** The parsed values that are kept for the other filters: their number, and the bytes of their texts. */
const [MAX_PARSED, MAX_PARSED_BYTES] = [2000, 2 * 1024 * 1024];

/** A filter that streams share. */
export interface SharedFilter {
  readonly source: string;
  /** Selects records of an entry. Evaluates each entry once. @throws OnrampError when the filter costs too much */
  select(entry: RecordsEntry): Promise<Selection>;
}

/** @throws OnrampError 40001 for a filter that is not valid, or has constructs that are not allowed */
export function checkFilter(source: string): ClientFilter {
  try {
    return compileClientFilter(source);
  } catch (error) {
    throw new OnrampError(
      40001,
      `The filter is refused: ${messageOf(error)}. docs/events.md lists what a filter may contain.`,
      {
        cause: error,
      },
    );
  }
}

/** All filters in use, by source. */
export class Filters {
  readonly #filters = new Map<string, { readonly filter: RunningFilter; uses: number }>();
  readonly #evaluations = new EvaluationQueue();
  readonly #inputs = new ParsedInputs();

  get size(): number {
    return this.#filters.size;
  }

  /**
   * Returns a filter, and counts its use. The caller calls `release` once.
   *
   * @throws OnrampError 40001 as `checkFilter`; 50301 when there are 100 others
   */
  acquire(source: string): SharedFilter {
    let found = this.#filters.get(source);
    if (!found) {
      const compiled = checkFilter(source);
      if (this.#filters.size >= MAX_FILTERS)
        throw new OnrampError(
          50301,
          `This process runs ${MAX_FILTERS} different filters already. Use a filter that other clients use, use ?key=, or try again later.`,
          { retryAfter: 10 },
        );
      found = { filter: new RunningFilter(compiled, this.#evaluations, this.#inputs), uses: 0 };
      this.#filters.set(source, found);
    }
    found.uses++;
    return found.filter;
  }

  release({ source }: SharedFilter): void {
    const found = this.#filters.get(source);
    if (found && --found.uses === 0) this.#filters.delete(source);
  }
}

/** Estimates of what a selection retains, in bytes: itself, its array if it has records, per record, per reason. */
const [SELECTION_BYTES, INDICES_BYTES, INDEX_BYTES, REASON_BYTES] = [60, 200, 8, 300];

class RunningFilter implements SharedFilter {
  readonly source: string;
  readonly #filter: ClientFilter;
  readonly #evaluations: EvaluationQueue;
  readonly #inputs: ParsedInputs;
  readonly #cost = new FilterCost();
  /** The results, and the evaluations in flight. Weak, so that neither the filter nor the entries retain the other. */
  readonly #selected = new WeakMap<RecordsEntry, Selection | Promise<Selection>>();

  constructor(filter: ClientFilter, evaluations: EvaluationQueue, inputs: ParsedInputs) {
    this.source = filter.source;
    this.#filter = filter;
    this.#evaluations = evaluations;
    this.#inputs = inputs;
  }

  async select(entry: RecordsEntry): Promise<Selection> {
    let selected = this.#selected.get(entry);
    if (selected === undefined) {
      selected = this.#run(entry);
      this.#selected.set(entry, selected);
    }
    return selected;
  }

  async #run(entry: RecordsEntry): Promise<Selection> {
    try {
      const selection = await this.#selectFrom(entry.records);
      this.#selected.set(entry, selection);
      const { indices, skipped } = selection;
      const own = indices.length === 0 ? 0 : INDICES_BYTES + indices.length * INDEX_BYTES;
      entry.grow(SELECTION_BYTES + own + skipped.size * REASON_BYTES);
      return selection;
    } catch (error) {
      this.#selected.delete(entry);
      throw error;
    }
  }

  async #selectFrom(records: readonly ConsumedRecord[]): Promise<Selection> {
    const [indices, skipped] = [[] as number[], new Map<number, string>()];
    for (let index = 0; index < records.length; ) {
      await this.#cost.wait();
      index = await this.#evaluations.run(() => this.#runSlice(records, index, { indices, skipped }));
      const excess = this.#cost.excess;
      if (excess !== undefined) throw new OnrampError(50301, excess);
    }
    return indices.length === 0
      ? EMPTY_SELECTION
      : { indices, skipped: skipped.size === 0 ? NO_SKIPPED : skipped };
  }

  /** @returns the index of the first record that is left for the next slice */
  async #runSlice(
    records: readonly ConsumedRecord[],
    from: number,
    { indices, skipped }: { readonly indices: number[]; readonly skipped: Map<number, string> },
  ): Promise<number> {
    const began = performance.now();
    const parsed = this.#inputs.parseMs;
    let [at, now, decided, evaluated] = [from, began, 0, 0];
    for (; at < records.length && now - began < SLICE_MS; at++, now = performance.now()) {
      const record = records[at] as ConsumedRecord;
      let verdict = this.#decide(record);
      if (typeof verdict === "boolean") decided++;
      if (verdict === undefined) {
        const started = performance.now();
        verdict = await this.#evaluate(record);
        const elapsed = performance.now() - started;
        this.#cost.add(elapsed);
        evaluated += elapsed;
      }
      if (typeof verdict === "string") skipped.set(at, verdict);
      if (verdict !== false) indices.push(at);
    }
    // The clock would take longer than one decision. The parse of a record is for all filters.
    if (decided > 0) this.#cost.add(now - began - evaluated - (this.#inputs.parseMs - parsed), decided);
    return at;
  }

  /** @returns whether the record matches, or why that cannot be known; undefined when it must be evaluated */
  #decide(record: ConsumedRecord): boolean | string | undefined {
    const bytes = record.value?.length ?? 0;
    if (bytes > MAX_FILTERED_VALUE)
      return `the value has ${bytes} bytes; filters are evaluated on values up to ${MAX_FILTERED_VALUE}`;
    const { parsed, bindings } = this.#inputs.of(record);
    return this.#filter.shortcut?.(parsed, bindings);
  }

  /** @returns whether the record matches, or why that is not known */
  async #evaluate(record: ConsumedRecord): Promise<boolean | string> {
    const { parsed, bindings } = this.#inputs.of(record);
    try {
      return await this.#filter.matches(parsed, bindings);
    } catch (error) {
      return messageOf(error);
    }
  }
}

interface Input {
  readonly parsed: unknown;
  readonly bindings: Bindings;
}

/** The inputs of the records that filters saw last, so that a record is parsed once for all filters. */
class ParsedInputs {
  readonly #inputs = new Map<ConsumedRecord, Input>();
  #bytes = 0;
  #parseMs = 0;

  /** The time of all parses. */
  get parseMs(): number {
    return this.#parseMs;
  }

  of(record: ConsumedRecord): Input {
    const known = this.#inputs.get(record);
    if (known) return known;
    const began = performance.now();
    const input = { parsed: parsedValue(record.value), bindings: bindingsOf(record) };
    this.#parseMs += performance.now() - began;
    this.#inputs.set(record, input);
    this.#bytes += record.value?.length ?? 0;
    for (const [oldest] of this.#inputs) {
      if (this.#inputs.size <= MAX_PARSED && this.#bytes <= MAX_PARSED_BYTES) break;
      this.#inputs.delete(oldest);
      this.#bytes -= oldest.value?.length ?? 0;
    }
    return input;
  }
}

/** Runs tasks one after the other, each in an iteration of the event loop of its own. */
class EvaluationQueue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => new Promise((resolve) => setImmediate(resolve))).then(task);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
