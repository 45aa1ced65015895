// Sources in tests: kinds whose generator the test gives, their states, and what they have written.

import type { Gateway } from "../../src/app/gateway.ts";
import { statePartition } from "../../src/app/state-topic.ts";
import { adapterKind } from "../../src/core/adapter.ts";
import { object, string } from "../../src/core/options.ts";
import type { Batch, ReportProgress, Source, SourceKind } from "../../src/core/source.ts";
import type { SourceState } from "../../src/core/source-state.ts";
import { systemClock } from "../../src/core/time.ts";
import { readCommitted } from "./read-back.ts";
import { until } from "./until.ts";

/** A generator of a test: the name of the source and its topic come first. */
export type Script = (
  source: { readonly name: string; readonly topic: string },
  cursor: number | undefined,
  signal: AbortSignal,
  report: ReportProgress,
) => AsyncIterable<Batch<unknown>>;

/** A kind of source whose generator the test gives. Its cursor is a number. */
export function scripted(script: Script, more: Partial<Source> = {}, type = "scripted"): SourceKind {
  return adapterKind({
    type,
    options: object({ topic: string("The topic.", { required: true }) }),
    create: ({ topic }, { name }): Source => ({
      topics: [topic],
      ...more,
      run: (cursor, signal, report) => script({ name, topic }, cursor as number | undefined, signal, report),
    }),
  });
}

/** A batch with one record per value. */
export const batchOf = (topic: string, values: readonly unknown[], cursor: unknown): Batch<unknown> => ({
  drafts: values.map((value) => ({ topic, value: Buffer.from(JSON.stringify(value)) })),
  cursor,
});

/** Yields `{"n":1}`, `{"n":2}` and so on, one per batch, with a pause after each. */
export const counting = (pauseMs = 1, last = Number.POSITIVE_INFINITY): Script =>
  async function* ({ topic }, cursor, signal, report) {
    for (let n = (cursor ?? 0) + 1; ; n++) {
      while (n > last) {
        report();
        await pause(100, signal);
      }
      yield batchOf(topic, [{ n }], n);
      await pause(pauseMs, signal);
    }
  };

/** Waits. @throws the reason of the signal when it is aborted */
export const pause = systemClock.sleep;

/** `GET /sources`. */
export async function sourceStates({ adminUrl }: Pick<Gateway, "adminUrl">): Promise<SourceState[]> {
  return (await (await fetch(`${adminUrl}/sources`)).json()) as SourceState[];
}

/** The state of a source; the first one by default. */
export async function sourceState(gateway: Pick<Gateway, "adminUrl">, name?: string): Promise<SourceState> {
  const states = await sourceStates(gateway);
  const found = states.find((state) => name === undefined || state.name === name);
  if (!found) throw new Error(`there is no source ${name}`);
  return found;
}

/** Resolves when the source is in one of these states. */
export async function untilState(
  gateway: Pick<Gateway, "adminUrl">,
  names: readonly SourceState["state"][],
  source?: string,
  timeoutMs?: number,
): Promise<SourceState> {
  let state = await sourceState(gateway, source);
  await until(async () => {
    state = await sourceState(gateway, source);
    return names.includes(state.state);
  }, timeoutMs);
  return state;
}

/** The committed numbers `n` of a topic's records, in the order of the partition. */
export async function committedNumbers(
  brokers: readonly string[],
  topic: string,
  partition = 0,
): Promise<number[]> {
  const records = await readCommitted(brokers, topic, partition);
  return records.map(({ value }) => JSON.parse(value?.toString() ?? "{}").n);
}

/** The numbers from 1 to `last`. */
export const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1);

/** The stored state of a source, as JSON; null when it was removed; undefined when there is none. */
export async function storedState(
  brokers: readonly string[],
  namespace: string,
  source: string,
  group?: string,
  // biome-ignore lint/suspicious/noExplicitAny: tests read members freely and assert on them
): Promise<any> {
  const records = await readCommitted(brokers, `${namespace}.sources`, statePartition(source, group));
  const last = records.findLast(({ key }) => key?.toString() === source);
  return last && (last.value === null ? null : JSON.parse(last.value.toString()));
}
