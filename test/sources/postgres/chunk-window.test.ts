// What remains of a chunk after the changes that were streamed while it was read.

import { strict as assert } from "node:assert";
import type { Table } from "../../../src/sources/postgres/records/table.ts";
import { ChunkWindow } from "../../../src/sources/postgres/snapshot/chunk-window.ts";
import { type Tuple, UNCHANGED } from "../../../src/sources/postgres/stream/pgoutput.ts";
import { builtinType } from "../../../src/sources/postgres/values/builtin-types.ts";
import { codecOf, type PgType } from "../../../src/sources/postgres/values/codec.ts";

const TEXT = 25;

/** A table with the columns `id` (its key) and `big`. */
function tableOf(names = ["id", "big"]): Table {
  const columns = names.map((name) => ({ isKey: name === "id", name, typeOid: TEXT, modifier: -1 }));
  return {
    oid: 1,
    schema: "public",
    name: "t",
    topic: "t",
    key: [0],
    identity: [0],
    included: names.map((_, n) => n),
    isWanted: true,
    relation: { kind: "relation", oid: 1, schema: "public", name: "t", identity: "d", columns },
    columns: columns.map(({ name }) => ({
      name,
      member: `"${name}":`,
      codec: codecOf(builtinType(TEXT) as PgType, -1),
      isNotNull: false,
      isIncluded: true,
    })),
  };
}

describe("sources: postgres, a chunk and its window", () => {
  const table = tableOf();
  const keyOf = (id: string) => ({ row: [id, null] as Tuple, isComplete: false });
  const rows: Tuple[] = [
    ["1", "one"],
    ["2", "two"],
  ];
  const remaining = (use: (window: ChunkWindow) => void, own = table) => {
    const window = new ChunkWindow();
    use(window);
    return window.remaining(own, rows);
  };

  it("has all rows if nothing changed", () => {
    assert.deepEqual(
      remaining(() => {}),
      rows,
    );
  });

  it("leaves out rows that the stream has: inserted, updated completely, deleted, or moved to another key", () => {
    assert.deepEqual(
      remaining((window) => window.onRow(table, ["1", "new"])),
      [rows[1]],
    );
    assert.deepEqual(
      remaining((window) => window.onGone(table, keyOf("2"))),
      [rows[0]],
    );
    assert.deepEqual(
      remaining((window) => window.onTruncate()),
      [],
    );
    const moved = (window: ChunkWindow): void => {
      window.onGone(table, keyOf("1"));
      window.onRow(table, ["9", UNCHANGED]);
    };
    assert.deepEqual(remaining(moved), [rows[1]]);
  });

  it("completes a row whose change has an unchanged value that only the chunk has", () => {
    const three = tableOf(["id", "n", "big"]);
    const window = new ChunkWindow();
    window.onRow(three, ["1", "a", UNCHANGED]);
    window.onRow(three, ["1", "b", UNCHANGED]);
    assert.deepEqual(window.remaining(three, [["1", "0", "big"]]), [["1", "b", "big"]]);
    window.onRow(three, ["1", "c", "new"]);
    window.onRow(three, ["1", "d", UNCHANGED]);
    assert.deepEqual(window.remaining(three, [["1", "0", "big"]]), []);
  });

  it("does not give a row the TOAST value of another row that had its key", () => {
    const replaced = (window: ChunkWindow): void => {
      window.onGone(table, keyOf("1"));
      window.onGone(table, keyOf("7"));
      window.onRow(table, ["1", UNCHANGED]);
    };
    assert.deepEqual(remaining(replaced), [rows[1]]);
  });

  it("must be read again if the definition differs, or a delete does not have the key", () => {
    assert.equal(
      remaining((window) => window.onRow(tableOf(["id", "other"]), ["1", "x"])),
      undefined,
    );
    const otherIdentity = { ...table, identity: [1] };
    assert.equal(
      remaining((window) => window.onGone(otherIdentity, keyOf("1"))),
      undefined,
    );
  });
});
