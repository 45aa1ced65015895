// A gateway with a source of type postgres, and the records that it wrote.

import { randomUUID } from "node:crypto";
import type { Gateway } from "../../../src/app/gateway.ts";
import type { SourceState } from "../../../src/core/source-state.ts";
import type { TestBroker } from "../broker.ts";
import { keepingLog, startTestGateway, writeConfig } from "../gateway.ts";
import { type Ended, run } from "../process.ts";
import { readCommitted } from "../read-back.ts";
import { sourceState, untilState } from "../sources.ts";
import { until } from "../until.ts";
import type { Postgres } from "./server.ts";

/** A record, as text. */
export interface ReadRecord {
  readonly topic: string;
  readonly key: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: the parsed value is compared in tests
  readonly value: any;
  /** The value as it was written. */
  readonly text: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** A running source, named `pg`. */
export interface PostgresSource {
  readonly gateway: Gateway;
  readonly prefix: string;
  readonly namespace: string;
  readonly log: ReturnType<typeof keepingLog>;
  state(): Promise<SourceState>;
  /** Waits until the source is in one of the states. @returns its last error */
  errorIn(...states: SourceState["state"][]): Promise<string>;
  /** Waits until the source reads the stream. */
  untilStreaming(): Promise<void>;
  /** The records of a table (schema.table), by topic. */
  records(table: string): Promise<ReadRecord[]>;
  /** Waits until a table has this number of records. */
  untilRecords(table: string, count: number): Promise<ReadRecord[]>;
  /** Runs a command of the built `onramp` with the configuration of the source. */
  command(...args: string[]): Promise<Ended>;
  /** Starts it again, with other options. */
  again(options?: object): Promise<PostgresSource>;
}

/** Starts a gateway with a source. @param options its options; default tables: all of the schema public */
export async function startSource(
  broker: TestBroker,
  postgres: Postgres,
  options: object = {},
  { id = `p${randomUUID().slice(0, 8)}`, brokers = broker.addresses() } = {},
): Promise<PostgresSource> {
  const log = keepingLog();
  const config = {
    kafka: { createTopics: true, namespace: id, brokers },
    sources: {
      pg: { type: "postgres", url: postgres.url(), tables: ["public.*"], topicPrefix: id, ...options },
    },
  };
  const gateway = await startTestGateway(brokers, config, log);
  const records = (table: string): Promise<ReadRecord[]> => readRecords(broker.addresses(), `${id}.${table}`);
  return {
    gateway,
    prefix: id,
    namespace: id,
    log,
    state: () => sourceState(gateway, "pg"),
    async errorIn(...states) {
      const { lastError } = await untilState(gateway, states, "pg");
      return lastError?.message ?? "";
    },
    untilStreaming: () =>
      until(async () => {
        const { state, details } = await sourceState(gateway, "pg");
        return state === "running" && JSON.stringify(details).includes('"isStreaming":true');
      }),
    records,
    async untilRecords(table, count) {
      let found: ReadRecord[] = [];
      try {
        await until(async () => {
          found = await records(table);
          return found.length >= count;
        }, 45_000);
      } catch (error) {
        const { state, lastError, details } = await sourceState(gateway, "pg");
        throw new Error(
          `${table} has ${found.length} of ${count} records: ${JSON.stringify({ state, lastError, details })}`,
          { cause: error },
        );
      }
      return found;
    },
    command: (...args) => run([...args, "--config", writeConfig(config)]),
    async again(more = {}) {
      await gateway.stop();
      return startSource(broker, postgres, { ...options, ...more }, { id, brokers });
    },
  };
}

/** Reads the committed records of a topic; none if it does not exist. */
export async function readRecords(brokers: string[], topic: string): Promise<ReadRecord[]> {
  const records = await readCommitted(brokers, topic).catch(() => []);
  return records.map(({ key, value, headers }) => ({
    topic,
    key: key?.toString() ?? null,
    value: value === null ? null : JSON.parse(value.toString()),
    text: value?.toString() ?? null,
    headers: Object.fromEntries(headers.map((header) => [header.key, header.value?.toString() ?? ""])),
  }));
}
