// Reads and changes the states of sources, for the command `sources`. A change fences the owner of the source, which then
// reads the new cursor and continues with it.

import type { Config } from "../config/load.ts";
import { messageOf, OnrampError, OperatorError } from "../core/errors.ts";
import type { Log } from "../core/ports.ts";
import type { Source } from "../core/source.ts";
import { OwnershipUnknown, TransactionLost } from "../core/source-ports.ts";
import { decodeState, encodeState, type StoredState, withoutSecretsInside } from "../core/source-state.ts";
import { KafkaStateReader } from "../kafka/consume/state-reader.ts";
import { TransactionalProducer } from "../kafka/produce/transaction.ts";
import { type Kafka, withKafka } from "./kafka.ts";
import { transactionalId } from "./sources.ts";
import { statePartition, stateTopicName } from "./state-topic.ts";

/** How long the command waits for the metadata, in milliseconds. */
const KAFKA_MS = 10_000;
/** The maximum number of attempts to change a state: the owner of the source may fence the command. */
const MAX_ATTEMPTS = 10;

/** The states of sources cannot be read or changed. The message contains the reason and the next step. */
export class SourceStateError extends OperatorError {
  override readonly name = "SourceStateError";
}

/** A source that is configured or has a state. */
export interface ListedSource {
  readonly name: string;
  /** Undefined for a state that cannot be read. */
  readonly type: string | undefined;
  /** Undefined without a state, or when it cannot be read. */
  readonly cursor: unknown;
  readonly holds: string | undefined;
  readonly isConfigured: boolean;
  readonly hasState: boolean;
  /** Why the state cannot be read. */
  readonly fault?: string;
}

/** Lists the sources of the configuration, and other sources that have a state. @throws SourceStateError, OnrampError */
export function listSources(config: Config, log: Log, stopping: AbortSignal): Promise<ListedSource[]> {
  return withKafka(config, log, async (kafka) => {
    const found = await readStates(kafka, config, log, stopping);
    const names = new Set([...config.compiled.sources.keys(), ...found.keys()]);
    return [...names].sort().map((name) => {
      const configured = config.compiled.sources.get(name);
      const value = found.get(name)?.value;
      const stored = storedIn(name, value);
      const isError = stored instanceof Error;
      return {
        name,
        type: configured?.settings.type ?? (isError ? undefined : stored?.type),
        cursor: isError ? undefined : withoutSecretsInside(shownCursor(configured?.adapter, stored)),
        holds: isError ? undefined : stored?.holds,
        isConfigured: configured !== undefined,
        hasState: stored !== undefined,
        ...(isError ? { fault: stored.message } : {}),
      };
    });
  });
}

/**
 * Sets the cursor of a source.
 *
 * @throws SourceStateError for a source that is not configured and has no state; SourceError for one that is not configured and
 * whose state cannot be read
 */
export function setCursor(
  config: Config,
  name: string,
  cursor: unknown,
  log: Log,
  stopping: AbortSignal,
): Promise<void> {
  return withKafka(config, log, async (kafka) => {
    const configured = config.compiled.sources.get(name);
    // The state of a source that can have a group may be in the partition of an earlier group.
    const found =
      configured && !configured.adapter.onTakeover
        ? undefined
        : (await readStates(kafka, config, log, stopping)).get(name);
    const value = configured ? undefined : found?.value;
    const stored = value === undefined ? undefined : decodeState(name, value);
    const kept = carriedOver(configured?.adapter, storedIn(name, found?.value));
    const type = configured?.settings.type ?? stored?.type;
    if (type === undefined) throw unknownSource(config, name);
    const state: StoredState = {
      type,
      cursorVersion: configured?.adapter.cursorVersion ?? stored?.cursorVersion ?? 1,
      cursor: kept && isObject(cursor) ? { ...kept, ...cursor } : cursor,
      ...holdsOf(configured?.adapter.holds ?? stored?.holds),
    };
    const home = configured
      ? statePartition(name, configured.adapter.group)
      : (found?.partition ?? statePartition(name));
    const values = new Map([
      [found?.partition ?? home, null],
      [home, encodeState(state)],
    ] as const);
    await write(kafka, config, { name, values }, log, stopping);
  });
}

/**
 * Removes the state of a source, so that it starts from its beginning if it is configured.
 *
 * @param isForgotten whether a configured source also removes what it holds in another system
 * @returns what was removed there, and what the source may still hold there
 * @throws SourceStateError for a source that has no state and is not configured
 */
export function removeState(
  config: Config,
  name: string,
  isForgotten: boolean,
  log: Log,
  stopping: AbortSignal,
): Promise<{ readonly released?: string | undefined; readonly holds?: string | undefined }> {
  return withKafka(config, log, async (kafka) => {
    const { value, partition } = (await readStates(kafka, config, log, stopping)).get(name) ?? {};
    const configured = config.compiled.sources.get(name);
    if (value === undefined && !config.compiled.sources.has(name)) throw unknownSource(config, name);
    const stored = storedIn(name, value);
    const home = partition ?? statePartition(name, configured?.adapter.group);
    const kept = carriedOver(configured?.adapter, stored);
    const rest =
      configured && kept
        ? encodeState({
            type: configured.settings.type,
            cursorVersion: configured.adapter.cursorVersion ?? 1,
            cursor: kept,
          })
        : null;
    await write(kafka, config, { name, values: new Map([[home, rest]]) }, log, stopping);
    const released = isForgotten ? await configured?.adapter.release?.(stopping) : undefined;
    if (released !== undefined || stored instanceof Error) return { released };
    return { holds: stored?.holds };
  });
}

async function readStates(
  kafka: Kafka,
  { kafka: { namespace } }: Config,
  log: Log,
  stopping: AbortSignal,
): Promise<Map<string, { readonly value: Buffer; readonly partition: number }>> {
  const topic = stateTopicName(namespace);
  const { partitions } = await kafka.metadata
    .resolve(topic, Date.now() + KAFKA_MS)
    .catch((error: unknown) => {
      if (!(error instanceof OnrampError && error.code === 40401)) throw error;
      throw new SourceStateError(
        `Topic "${topic}" does not exist: no source has run in namespace "${namespace}" yet. Check kafka.namespace and kafka.brokers.`,
      );
    });
  const reader = new KafkaStateReader({ ...kafka, log }, topic);
  const parts = await Promise.all(
    partitions.map((_, partition) => reader.read(partition, undefined, stopping)),
  );
  return new Map(
    parts.flatMap((states, partition) =>
      [...states].flatMap(([name, { value }]) =>
        value === null ? [] : [[name, { value, partition }] as const],
      ),
    ),
  );
}

async function write(
  kafka: Kafka,
  { kafka: { namespace } }: Config,
  { name, values }: { readonly name: string; readonly values: ReadonlyMap<number, Buffer | null> },
  log: Log,
  stopping: AbortSignal,
): Promise<void> {
  const id = transactionalId(namespace, name);
  const transactions = new TransactionalProducer({ ...kafka, log, compression: undefined }, id);
  const prepared = [...values].map(([partition, value]) => {
    const draft = { key: Buffer.from(name), value, headers: [], partition };
    return kafka.ingest.prepare([], { source: name, state: { topic: stateTopicName(namespace), draft } });
  });
  const records = (await Promise.all(prepared)).flatMap((batch) => batch.records);
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        await transactions.takeOver(async () => {}, stopping);
        await transactions.commit(records);
        return;
      } catch (error) {
        const isPassing = error instanceof TransactionLost || error instanceof OwnershipUnknown;
        if (!isPassing) throw error;
        if (attempt === MAX_ATTEMPTS)
          throw new SourceStateError(
            `The cursor of source "${name}" may not have been changed: ${messageOf(error)}. Check it with onramp sources list; if it is unchanged, try again.`,
            { cause: error },
          );
      }
    }
  } finally {
    transactions.close();
  }
}

function unknownSource({ compiled }: Config, name: string): SourceStateError {
  const names = [...compiled.sources.keys()].join(", ") || "none";
  return new SourceStateError(
    `Source "${name}" is not configured and has no cursor. The configured sources are: ${names}.`,
  );
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** @returns the error for a state that cannot be read, undefined when there is none */
const storedIn = (name: string, value: Buffer | undefined): StoredState | Error | undefined =>
  value === undefined ? undefined : resultOf(() => decodeState(name, value));

/** See `Source.carriedOver`. */
const carriedOver = (
  source: Source | undefined,
  stored: StoredState | Error | undefined,
): object | undefined =>
  stored === undefined || stored instanceof Error ? undefined : source?.carriedOver?.(stored.cursor);

const shownCursor = (source: Source | undefined, stored: StoredState | undefined): unknown =>
  stored === undefined ? undefined : (source?.shown?.(stored.cursor) ?? stored.cursor);

const holdsOf = (holds: string | undefined): { holds?: string } => (holds === undefined ? {} : { holds });

function resultOf<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error as Error;
  }
}
