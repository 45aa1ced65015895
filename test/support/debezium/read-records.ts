// Reads records as Kafka Connect and Debezium do: with Connect's JSON converter and Debezium's ExtractNewRecordState.

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { text } from "node:stream/consumers";
import { installJars } from "../jars.ts";

const pom = path.join(import.meta.dirname, "pom.xml");
const program = path.join(import.meta.dirname, "ReadRecords.java");
const JAVA = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];

/** A record as it is in the topic. */
export interface RawRecord {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer])[];
}

/** What Connect and Debezium read from one record. The numbers beyond 2^53 in it are rounded; the `Ok` are exact. */
export interface DebeziumReading {
  /** Why the record can't be read; the other members are absent then. */
  readonly error?: string;
  /** The payload of the key, converted back. */
  readonly readKey: unknown;
  /** The payload of the value, converted back. */
  readonly read: unknown;
  /** The schemas of key and value, converted back, equal those of the record. */
  readonly schemaOk: boolean;
  /** The payloads of key and value, converted back, equal those of the record; numbers are compared by value. */
  readonly payloadOk: boolean;
  /** Key and value, converted back, are the same bytes: they are what Connect itself would write. */
  readonly bytesOk: boolean;
  /** The transform dropped the record. */
  readonly dropped: boolean;
  /** The payload after the transform; null for a tombstone and for a dropped record. */
  readonly flat: unknown;
  /** The headers after the transform, as text. */
  readonly flatHeaders: Record<string, string | null>;
}

/**
 * Reads all records in one Java process; takes about a second.
 *
 * @param settings of the transform, such as `{"add.fields": "op,lsn"}`; default: none
 * @returns a result for each record, in the same order
 */
export async function readWithDebezium(
  records: readonly RawRecord[],
  settings: Readonly<Record<string, string>> = {},
): Promise<DebeziumReading[]> {
  const libs = await installJars("debezium", pom);
  const args = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const child = spawn("java", [...JAVA, "-cp", `${libs}/*`, program, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  // When the program ends early, its exit code is reported, not the broken pipe.
  child.stdin.on("error", () => {});
  child.stdin.end(records.map((record) => `${lineOf(record)}\n`).join(""));
  const [printed, [code]] = await Promise.all([text(child.stdout), closed]);
  if (code !== 0) throw new Error(`ReadRecords.java exited with ${code}`);
  const lines = printed.split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as DebeziumReading);
}

function lineOf({ topic, key, value, headers }: RawRecord): string {
  return JSON.stringify({
    topic,
    key: key?.toString("base64") ?? null,
    value: value?.toString("base64") ?? null,
    headers: headers.map(([name, bytes]) => [name, bytes.toString("base64")]),
  });
}
