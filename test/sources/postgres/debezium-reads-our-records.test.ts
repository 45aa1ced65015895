// The records of a source with `schemas: true`, as Kafka Connect's JSON converter and Debezium's ExtractNewRecordState read
// them. The statements are those of debezium/zoo.sql.

import { strict as assert } from "node:assert";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import {
  type DebeziumReading,
  type RawRecord,
  readWithDebezium,
} from "../../support/debezium/read-records.ts";
import { usePostgres } from "../../support/postgres/server.ts";
import { runZoo, type ZooRecord } from "./debezium/zoo.ts";

const NONE: Readonly<Record<string, string>> = {};

/** Writes deletes as rows, with two more members. */
const REWRITE = { "delete.tombstone.handling.mode": "rewrite", "add.fields": "op,source.table" };

/** What Connect itself cannot represent: the records of types and types2 by id, from the snapshot and from the stream. */
const CHANGED_BY_CONNECT: Readonly<Record<string, readonly number[]>> = {
  "NaN and infinite floats become 0": [21, 23, 31, 33, 35],
  "float32 has a longer spelling of its smallest value": [73],
  "a timestamp beyond 64 bits overflows": [7],
};

describeIf(thorough, "records with schemas, in Kafka Connect and Debezium,", function () {
  // Resolving the jars the first time.
  this.timeout(120_000);
  const broker = useBroker();
  const postgres = usePostgres();

  // All tests look at the records of one run.
  let run: Promise<readonly ZooRecord[]> | undefined;
  const records = (): Promise<readonly ZooRecord[]> => {
    run ??= runZoo(broker, postgres(), { schemas: true }).then((topics) => [...topics.values()].flat());
    return run;
  };
  const readings = new Map<object, Promise<readonly DebeziumReading[]>>();
  /** What is read of all records. @param settings the same object for the same settings */
  const readAll = (settings: Readonly<Record<string, string>>): Promise<readonly DebeziumReading[]> => {
    const reading =
      readings.get(settings) ?? records().then((all) => readWithDebezium(all.map(rawOf), settings));
    readings.set(settings, reading);
    return reading;
  };
  /** What is read of the records of a table. */
  const readTable = async (table: string, settings = NONE): Promise<DebeziumReading[]> => {
    const [all, read] = await Promise.all([records(), readAll(settings)]);
    return read.filter((_, n) => all[n]?.topic === `zoo.public.${table}`);
  };

  for (const settings of [NONE, REWRITE])
    it(`are read unchanged with the settings ${JSON.stringify(settings)}`, async () => {
      const all = await records();
      const read = await readAll(settings);
      assert.equal(read.length, all.length);
      const changed: string[] = [];
      for (const [n, reading] of read.entries()) {
        const { topic, key, value } = all[n] as ZooRecord;
        assert.deepEqual([reading.error, reading.schemaOk], [undefined, true], `${topic} ${key}`);
        if (reading.payloadOk) continue;
        const payload = value && payloadOf(value);
        // The columns that a delete does not have are null for Connect.
        if (payload?.op === "d") assert.deepEqual(reading.read, withAllColumns(payload, reading));
        else changed.push(`${topic} ${payload?.after.id}`);
      }
      const expected = Object.values(CHANGED_BY_CONNECT).flat();
      const ids = [...expected, ...expected.map((id) => id + 1000)].map((id) => `zoo.public.types ${id}`);
      assert.deepEqual(changed.sort(), [...ids, "zoo.public.types2 7", "zoo.public.types2 1007"].sort());
    });

  it("are flattened: a delete becomes a tombstone, and its own tombstone is dropped", async () => {
    const readings = await readTable("demo");
    assert.deepEqual(
      [0, 3, 4, 6, 7, 8].map((n) => [readings[n]?.flat, readings[n]?.dropped]),
      [
        [{ uniqid: 1, message: "Hello World", email: "abc@example.com" }, false],
        [{ uniqid: 4, message: "Inserted", email: "four@example.com" }, false],
        [{ uniqid: 1, message: "Hello Again", email: "abc@example.com" }, false],
        [null, false],
        [null, true],
        [{ uniqid: 20, message: "Second", email: "two@example.com" }, false],
      ],
    );
    assert.deepEqual(readings[6]?.readKey, { uniqid: 2 });
    assert.equal(readings[0]?.flatHeaders["__debezium.context.connectorName"], "postgresql");
  });

  it("are flattened with delete.tombstone.handling.mode=rewrite and add.fields", async () => {
    const demo = await readTable("demo", REWRITE);
    const added = (op: string, table: string) => ({
      __deleted: String(op === "d"),
      __op: op,
      __source_table: table,
    });
    assert.deepEqual(
      [0, 3, 4, 6, 7].map((n) => demo[n]?.flat),
      [
        { uniqid: 1, message: "Hello World", email: "abc@example.com", ...added("r", "demo") },
        { uniqid: 4, message: "Inserted", email: "four@example.com", ...added("c", "demo") },
        { uniqid: 1, message: "Hello Again", email: "abc@example.com", ...added("u", "demo") },
        { uniqid: 2, message: null, email: null, ...added("d", "demo") },
        null,
      ],
    );
    const full = await readTable("full_ident", REWRITE);
    const deleted = full
      .map(({ flat }) => flat as { __op?: string } | null)
      .find((flat) => flat?.__op === "d");
    assert.deepEqual(deleted, { id: 3, v: "three", n: "3.30", j: '{"b": 2}', ...added("d", "full_ident") });
  });

  it("keep NULL in a column with a default, because their schemas have no defaults", async () => {
    const [, row] = await readTable("defaults");
    assert.ok(row);
    const { id, i_nn, t_nn, ...optional } = row.flat as Readonly<Record<string, unknown>>;
    assert.deepEqual([id, i_nn, t_nn], [2, 0, ""]);
    assert.deepEqual(new Set(Object.values(optional)), new Set([null]));
  });

  it("are reported when Connect would change them, or cannot read them", async () => {
    const record = (await records()).find(({ topic }) => topic === "zoo.public.demo") as ZooRecord;
    const changed = (from: RegExp, to: string): RawRecord =>
      rawOf({ ...record, value: record.value?.replaceAll(from, to) ?? null });
    const message = /"message":"Hello World"/g;
    const [missing, defaulted] = await readWithDebezium([
      changed(message, '"message":null'),
      changed(
        /"optional":false(,"field":"message")|"message":"Hello World"/g,
        '"optional":true,"default":"none","field":"message"',
      ),
    ]);
    assert.match(missing?.error ?? "", /DataException: Invalid null value for required STRING field/);
    assert.deepEqual([defaulted?.schemaOk, defaulted?.payloadOk], [true, false]);
  });
});

const rawOf = ({ topic, key, value, headers }: ZooRecord): RawRecord => ({
  topic,
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: headers.map(([name, text]) => [name, Buffer.from(text)] as const),
});

const payloadOf = (text: string) => JSON.parse(text).payload;

/** A delete with null for each column that was read but is not in the record. */
function withAllColumns(payload: { readonly before: object }, { read }: DebeziumReading): object {
  const { before } = read as { before: object };
  const columns = Object.keys(before).map((name) => [name, null]);
  return { ...payload, before: { ...Object.fromEntries(columns), ...payload.before } };
}
