// Requests for snapshots, which a transaction sends through the write-ahead log:
// SELECT pg_logical_emit_message(true, 'onramp', '{"snapshot":["public.demo"]}')

import { nameOf } from "../records/table.ts";
import type { PublishedTable } from "../server/publication.ts";

/** The prefix of the messages. */
export const SIGNAL = "onramp";

/**
 * Returns the tables of a signal. Every role can send a signal; therefore it may name only published tables.
 *
 * @throws Error that says what is wrong
 */
export function requestedTables(text: string, published: readonly PublishedTable[]): PublishedTable[] {
  let names: unknown;
  try {
    ({ snapshot: names } = JSON.parse(text) as { readonly snapshot?: unknown });
  } catch {
    throw new Error('it is not JSON such as {"snapshot":["public.demo"]}');
  }
  if (!Array.isArray(names)) throw new Error('it has no list "snapshot" of tables');
  return names.map((name: unknown) => {
    const table = published.find((each) => nameOf(each) === name);
    if (!table) throw new Error(`the source does not have the table ${String(name).slice(0, 200)}`);
    return table;
  });
}
