// Runs the statements of zoo.sql against a source, and returns the records that it wrote.

import { readFileSync } from "node:fs";
import { Metadata } from "../../../../src/wire/messages/cluster.ts";
import { ListOffsets } from "../../../../src/wire/messages/offsets.ts";
import { listOffsetsOf, metadataOf, openConnection, type TestBroker } from "../../../support/broker.ts";
import type { Postgres } from "../../../support/postgres/server.ts";
import { type PostgresSource, startSource } from "../../../support/postgres/source.ts";
import { statementsOf } from "../../../support/postgres/statements.ts";
import { leaderOf, readCommitted } from "../../../support/read-back.ts";
import { until } from "../../../support/until.ts";

/** A record, as text. */
export interface ZooRecord {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** The last statement inserts into this table. */
const LAST_TABLE = "public.zz_end";

/** The first part exists before the source starts, the second one is streamed. Debezium needs the pauses, Onramp does not. */
const [BEFORE = [], AFTER = []] = readFileSync(new URL("zoo.sql", import.meta.url), "utf8")
  .split("-- ==== the connectors are STARTED here; the rest runs once both stream ====")
  .map((part) => statementsOf(part).filter((statement) => !statement.includes("pg_sleep")));

/**
 * Creates the database `golden`, and runs both parts with a source that has Debezium's defaults.
 *
 * @param options further options of the source
 * @returns the records by topic; topicPrefix is `zoo`
 */
export async function runZoo(
  broker: TestBroker,
  postgres: Postgres,
  options: object = {},
): Promise<ReadonlyMap<string, readonly ZooRecord[]>> {
  await postgres.sql("DROP DATABASE IF EXISTS golden");
  await postgres.sql("CREATE DATABASE golden");
  const client = await postgres.connect("golden");
  for (const statement of BEFORE) await client.query(statement);
  const source = await startSource(broker, postgres, {
    url: postgres.url({ database: "golden" }),
    // Debezium writes both "a b" and a_b to the topic zoo.public.a_b. Onramp refuses that.
    tables: ["public.*", "!public.a b"],
    partitions: "leaf",
    ...options,
  });
  await until(async () => {
    const { rows } = await client.query("SELECT count(*)::int AS tables FROM pg_publication_tables");
    return rows[0]?.tables > 0 && (await tablesRead(source)) === rows[0]?.tables;
  }, 60_000);
  for (const statement of AFTER) await client.query(statement);
  await source.untilRecords(LAST_TABLE, 1);
  return readAll(broker, source.prefix);
}

/** The number of tables whose snapshot is complete. */
async function tablesRead(source: PostgresSource): Promise<number> {
  const { cursor } = await source.state();
  return (cursor as { tables?: { done: unknown[] } } | null)?.tables?.done.length ?? 0;
}

/** Reads the topics of a prefix, which is unique, so that suites can share a cluster. It becomes `zoo` in all texts. */
async function readAll(broker: TestBroker, prefix: string): Promise<Map<string, ZooRecord[]>> {
  const rename = (text: string): string => text.replaceAll(prefix, "zoo");
  const own = await topicsWith(broker, prefix);
  const byTopic = new Map<string, ZooRecord[]>();
  for (const topic of own) {
    await until(() => isStable(broker, topic));
    const records = await readCommitted(broker.addresses(), topic);
    byTopic.set(
      rename(topic),
      records.map(({ key, value, headers }) => ({
        topic: rename(topic),
        key: key ? rename(key.toString()) : null,
        value: value ? rename(value.toString()) : null,
        headers: headers.map((header) => [header.key, rename(header.value?.toString() ?? "")] as const),
      })),
    );
  }
  return byTopic;
}

/** The topics whose name contains a text, except those of the gateway itself. */
async function topicsWith(broker: TestBroker, text: string): Promise<string[]> {
  const connection = await broker.connect();
  const { topics } = await connection.request(Metadata, 7, metadataOf(null), 5000);
  return topics
    .flatMap(({ name }) => (name?.includes(text) && !name.endsWith(".sources") ? [name] : []))
    .sort();
}

/** Whether no transaction is open in a topic: the partitions of one do not become visible at the same moment. */
async function isStable(broker: TestBroker, topic: string): Promise<boolean> {
  const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
  try {
    const endOf = async (isolationLevel: number): Promise<number | undefined> => {
      const request = { ...listOffsetsOf(topic, -1), isolationLevel };
      const { topics } = await connection.request(ListOffsets, 5, request, 5000);
      return topics[0]?.partitions[0]?.offset;
    };
    const end = await endOf(0);
    return end !== undefined && (await endOf(1)) === end;
  } finally {
    connection.close();
  }
}
