// Merges the rows of a chunk with the changes that the stream delivered while the chunk was read.
//
// A change that is delivered in this time may be older or newer than the row that was read. So a row that has such a change is not
// written from the chunk. Exception: an UPDATE does not contain unchanged values that are stored out of line (TOAST). The row that was
// read has them: the two are merged.

import { keyJson, type Table } from "../records/table.ts";
import { type Tuple, UNCHANGED, withUnchanged } from "../stream/pgoutput.ts";

const [GONE, COMPLETE] = [Symbol("gone"), Symbol("complete")] as const;

/** The changes of one table from the time before a chunk is read until the mark after it. */
export class ChunkWindow {
  /**
   * The last state of each row that changed: `GONE`, `COMPLETE` if the stream has all of its values, otherwise those that it has.
   */
  readonly #rows = new Map<string, Tuple | typeof GONE | typeof COMPLETE>();
  /** The keys of the chunk, once it was read: other rows do not matter. */
  #keys: ReadonlySet<string> | undefined;
  /** The keys that another row has taken over since the chunk was read. */
  readonly #replaced = new Set<string>();
  /** The definitions that the changes had. */
  readonly #definitions = new Set<string>();
  #isTruncated = false;
  #mustReadAgain = false;

  onRow(table: Table, row: Tuple): void {
    const key = this.#keyOf(table, row);
    if (this.#keys?.has(key) === false) return;
    const before = this.#rows.get(key);
    if (!row.includes(UNCHANGED) || before === COMPLETE) this.#rows.set(key, COMPLETE);
    else if (Array.isArray(before)) this.#rows.set(key, completed(withUnchanged(row, before)));
    else {
      // The key now belongs to another row, so the values of the chunk are not that row's. It is read again by its key.
      if (before === GONE) this.#replaced.add(key);
      this.#rows.set(key, row);
    }
  }

  /** Called when the chunk was read. From then on, changes of other rows need no memory. */
  limitTo(table: Table, rows: readonly Tuple[]): void {
    this.#keys = new Set(rows.map((row) => keyJson(table, row) ?? ""));
    for (const key of this.#rows.keys()) if (!this.#keys.has(key)) this.#rows.delete(key);
  }

  /** @param old the columns of the replica identity, or the complete row */
  onGone(table: Table, old: { readonly row: Tuple; readonly isComplete: boolean }): void {
    // The old row has only the columns of the replica identity, which may not contain the key.
    if (!old.isComplete && table.key.some((n) => !table.identity.includes(n))) this.#mustReadAgain = true;
    const key = this.#keyOf(table, old.row);
    if (this.#keys?.has(key) !== false) this.#rows.set(key, GONE);
  }

  onTruncate(): void {
    this.#isTruncated = true;
    this.#rows.clear();
  }

  /**
   * Returns the rows of the chunk that the stream does not have, in order.
   *
   * @returns undefined when the chunk must be read again, because the definition of the table differs, or a delete does not have the key
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
      return Array.isArray(changed) && !this.#replaced.has(key) ? [withUnchanged(changed, row)] : [];
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

const completed = (row: Tuple): Tuple | typeof COMPLETE => (row.includes(UNCHANGED) ? row : COMPLETE);
