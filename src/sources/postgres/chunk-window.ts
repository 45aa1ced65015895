// Merges the rows of a chunk with the changes that the stream delivered while the chunk was read.
//
// A change that is delivered in this time may be older or newer than the row that was read. So a row whose key changed is left to the
// stream. One change does not have the complete row: an UPDATE does not contain values that are stored out of line (TOAST) and did not
// change. The row that was read has them, and they were the same all the time: the two are merged.

import { type Tuple, UNCHANGED } from "./pgoutput.ts";
import { keyJson, type Table } from "./table.ts";

/** The changes of one table from the time before a chunk is read until the mark after it. */
export class ChunkWindow {
  /** The last state of each row that changed; undefined for a row that no longer exists. */
  readonly #rows = new Map<string, Tuple | undefined>();
  /** The keys whose rows are other ones than those of the chunk. */
  readonly #replaced = new Set<string>();
  /** The definitions that the changes had. */
  readonly #definitions = new Set<string>();
  #isTruncated = false;
  #mustReadAgain = false;

  onRow(table: Table, row: Tuple): void {
    const key = this.#keyOf(table, row);
    const before = this.#rows.get(key);
    // Another row now has the key of one that is gone, so that the chunk's values are not its own. It is read again by its key.
    if (!before && this.#rows.has(key) && row.includes(UNCHANGED)) this.#replaced.add(key);
    this.#rows.set(key, before ? merged(row, before) : row);
  }

  /** @param old the row without its other columns, or complete */
  onGone(table: Table, old: { readonly row: Tuple; readonly isComplete: boolean }): void {
    // The old row has the columns of the replica identity, from which the key may have been different.
    if (!old.isComplete && table.key.some((n) => !table.identity.includes(n))) this.#mustReadAgain = true;
    this.#rows.set(this.#keyOf(table, old.row), undefined);
  }

  onTruncate(): void {
    this.#isTruncated = true;
    this.#rows.clear();
  }

  /**
   * Returns the rows of the chunk that the stream does not have, in order.
   *
   * @returns undefined when the chunk must be read again, because the definition of the table differs
   */
  remaining(table: Table, rows: readonly Tuple[]): Tuple[] | undefined {
    const own = definitionOf(table);
    if (this.#mustReadAgain || [...this.#definitions].some((other) => other !== own)) return undefined;
    if (this.#isTruncated) return [];
    if (this.#rows.size === 0) return [...rows];
    return rows.flatMap((row) => {
      const key = keyJson(table, row) ?? "";
      if (!this.#rows.has(key)) return [row];
      const changed = this.#rows.get(key);
      return changed?.includes(UNCHANGED) && !this.#replaced.has(key) ? [merged(changed, row)] : [];
    });
  }

  #keyOf(table: Table, row: Tuple): string {
    this.#definitions.add(definitionOf(table));
    return keyJson(table, row) ?? "";
  }
}

/** The columns and the key of a table, as text. */
function definitionOf(table: Table): string {
  const known = definitions.get(table);
  if (known !== undefined) return known;
  const columns = table.relation.columns.map(({ name, typeOid, modifier }) => [name, typeOid, modifier]);
  const text = JSON.stringify([columns, table.key]);
  definitions.set(table, text);
  return text;
}
const definitions = new WeakMap<Table, string>();

/** A row with the values of another one where its own did not change. */
const merged = (row: Tuple, other: Tuple): Tuple =>
  row.includes(UNCHANGED) ? row.map((value, n) => (value === UNCHANGED ? (other[n] ?? null) : value)) : row;
