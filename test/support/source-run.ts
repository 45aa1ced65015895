// Runs a source without Kafka, step by step, on a clock that the test moves.

import type { AdapterContext } from "../../src/core/adapter.ts";
import { compileExpression } from "../../src/core/expressions.ts";
import type {
  Batch,
  Source,
  SourceDraft,
  SourceKind,
  SourceProgress,
  TopicRecords,
} from "../../src/core/source.ts";
import { afterTest } from "./after-test.ts";
import { keepingLog } from "./gateway.ts";

export interface SourceRun {
  /** Milliseconds since 1970. */
  now: number;
  /** The cursor of the last batch, as Kafka stores it. */
  cursor: unknown;
  readonly progress: SourceProgress;
  readonly source: Source;
  readonly log: ReturnType<typeof keepingLog>;
  /** All drafts that were committed. */
  readonly written: SourceDraft[];
  /** What the batches reported as lost. */
  readonly lost: string[];
  /**
   * Lets the source run until it sleeps. The clock then stands at the time of the call; the next call moves it to the end of the sleep.
   *
   * @returns the drafts
   * @throws what the source throws
   */
  step(): Promise<SourceDraft[]>;
  /** As `step`, and returns the values as text. */
  values(): Promise<string[]>;
  /** Starts the source again from its cursor, as after a kill. */
  restart(): void;
}

/** Topics without records. */
export const NO_RECORDS: TopicRecords = { since: async () => {} };

/** The objects that the adapters of one configuration share. */
export function sharedObjects(): AdapterContext["shared"] {
  const shared = new Map<string, unknown>();
  return <T>(key: string, create: () => T): T => {
    if (!shared.has(key)) shared.set(key, create());
    return shared.get(key) as T;
  };
}

/** The context of an adapter in a test. */
export function testContext(more: Partial<AdapterContext> = {}): AdapterContext {
  return {
    name: "in",
    namespace: "onramp",
    compile: (option, source) => {
      try {
        return compileExpression(source);
      } catch (error) {
        throw new Error(`${option}: ${(error as Error).message}`);
      }
    },
    now: Date.now,
    sleep: () => Promise.resolve(),
    shared: sharedObjects(),
    folder: ".",
    log: keepingLog(),
    ...more,
  };
}

/** Returns the options of a kind with their defaults. */
export function withDefaults(kind: SourceKind, options: object): Record<string, unknown> {
  const defaults = Object.entries(kind.options.properties).flatMap(([name, { schema }]) =>
    schema["default"] === undefined ? [] : [[name, schema["default"]] as const],
  );
  return { ...Object.fromEntries(defaults), ...options };
}

/** @param cursor the cursor from which it starts */
export function runSource(
  kind: SourceKind,
  options: object,
  {
    cursor,
    context = {},
    skip = 0,
    records = NO_RECORDS,
  }: {
    readonly cursor?: unknown;
    readonly context?: Partial<AdapterContext>;
    /** Shorter sleeps end at once, and do not end a step. In milliseconds. */
    readonly skip?: number;
    readonly records?: TopicRecords;
  } = {},
): SourceRun {
  const log = keepingLog();
  let onSleep: () => void = () => {};
  let wake: () => void = () => {};
  const source = kind.create(
    withDefaults(kind, options),
    testContext({
      now: () => run.now,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          if (ms < skip) {
            run.now += ms;
            return resolve();
          }
          const onAbort = (): void => reject(signal.reason);
          wake = () => {
            signal.removeEventListener("abort", onAbort);
            run.now += ms;
            resolve();
          };
          signal.addEventListener("abort", onAbort);
          onSleep();
        }),
      log,
      ...context,
    }),
  );
  let ending = new AbortController();
  let batches: AsyncIterator<Batch<unknown>> | undefined;
  let pulled: Promise<IteratorResult<Batch<unknown>>> | undefined;
  const run: SourceRun = {
    now: Date.UTC(2026, 0, 1),
    cursor,
    progress: {},
    source,
    log,
    written: [],
    lost: [],
    async step() {
      const drafts: SourceDraft[] = [];
      batches ??= source
        .run(run.cursor, ending.signal, (progress) => Object.assign(run.progress, progress), records)
        [Symbol.asyncIterator]();
      for (;;) {
        const slept = new Promise<"slept">((resolve) => {
          onSleep = () => resolve("slept");
        });
        wake();
        wake = () => {};
        pulled ??= batches.next();
        const result = await Promise.race([pulled, slept]).catch((error: unknown) => {
          run.restart();
          throw error;
        });
        if (result === "slept") return drafts;
        pulled = undefined;
        drafts.push(...result.value.drafts);
        run.written.push(...result.value.drafts);
        run.cursor = JSON.parse(JSON.stringify(result.value.cursor));
        if (result.value.lost !== undefined) run.lost.push(result.value.lost);
      }
    },
    async values() {
      return (await run.step()).map(({ value }) => String(value));
    },
    restart() {
      ending.abort();
      pulled?.catch(() => {});
      batches?.return?.(undefined)?.catch(() => {});
      ending = new AbortController();
      batches = pulled = undefined;
      wake = () => {};
    },
  };
  afterTest(() => ending.abort());
  return run;
}
