// The state of a source: as `GET /sources` shows it, and as the state topic stores it.

import { messageOf } from "./errors.ts";
import { SourceError, type SourceProgress } from "./source.ts";

/**
 * - `waiting`: this process does not own the source: another process runs it, or it is not assigned yet
 * - `starting`: this process is taking over the source, or is recovering it
 * - `running`: the source yields batches, or waits for new data
 * - `backing-off`: the source failed, and is started again after a wait
 * - `blocked`: an operator must act (see `lastError`); it is started again about once a minute
 * - `stopped`: the process is stopping
 */
export type SourceStateName = "waiting" | "starting" | "running" | "backing-off" | "blocked" | "stopped";

/** The state of one source in the metrics and in `/readyz`. Times are ISO 8601, in UTC. Counts begin with the process. */
export interface SourceSummary {
  readonly name: string;
  readonly type: string;
  readonly state: SourceStateName;
  /** When the state began. */
  readonly since: string;
  /** The number of records, or of other units, that the source has not read yet; null when the source does not know it. */
  readonly lag: number | null;
  /** The time of the last commit by this process; null before it. */
  readonly lastCommit: string | null;
  /** The time of the last batch or report of the source in this process; null before it. */
  readonly lastAlive: string | null;
  /** When the source will next do something, or is started again; null when that is not known. */
  readonly nextRun: string | null;
  /** The number of calls that the source may still make in the current period; null without a quota. */
  readonly quotaRemaining: number | null;
  /** The number of items that the source may still read within its limits; null without such a limit. */
  readonly itemsRemaining: number | null;
  /** The number of records that were committed to their topics. */
  readonly records: number;
  readonly deadLetters: number;
  /** Records that the filter excluded. */
  readonly skipped: number;
  /** The number of commits. */
  readonly commits: number;
  /** How often the source was started, also after failures. */
  readonly starts: number;
  /** How often the source found that events were lost before it could read them. */
  readonly losses: number;
  /** The values of the metrics of its kind. */
  readonly gauges?: SourceProgress["gauges"];
}

/** The state of one source in the response of `GET /sources`. */
export interface SourceState extends SourceSummary {
  /** The last committed cursor; null when there is none, or when this process does not own the source. */
  readonly cursor: unknown;
  readonly lastError: { readonly at: string; readonly message: string } | null;
  /** The last time that events were lost before the source could read them, seen by this process; null when there was none. */
  readonly lastLoss: { readonly at: string; readonly message: string } | null;
  /** What only this kind of source reports; null when it reports nothing. */
  readonly details: unknown;
}

/** The format of the records in the state topic. */
const FORMAT = 1;

/** What the state topic stores for a source. */
export interface StoredState {
  readonly type: string;
  readonly cursorVersion: number;
  readonly cursor: unknown;
  /** See `Source.holds`. */
  readonly holds?: string;
}

/** Encodes a state as the value of a record. */
export const encodeState = (state: StoredState): Buffer =>
  Buffer.from(JSON.stringify({ version: FORMAT, ...state }));

/**
 * Decodes a state.
 *
 * @param name the source, for the message
 * @throws SourceError `blocked` for a record that a later version of Onramp wrote, or that is not a state
 */
export function decodeState(name: string, value: Buffer): StoredState {
  let parsed: Partial<StoredState> & { readonly version?: unknown };
  try {
    parsed = JSON.parse(value.toString("utf8"));
  } catch (error) {
    throw unusable(name, `it is not JSON (${messageOf(error)})`);
  }
  const { version, type, cursorVersion, cursor, holds } = parsed ?? {};
  if (typeof version !== "number" || typeof type !== "string" || typeof cursorVersion !== "number")
    throw unusable(name, "it is not a state of a source");
  if (version > FORMAT) throw newer(name);
  return { type, cursorVersion, cursor, ...(holds === undefined ? {} : { holds }) };
}

/**
 * Returns the cursor of a stored state for a source.
 *
 * @throws SourceError `blocked` when the state belongs to another type, or to a later version of the type
 */
export function cursorFor(
  {
    name,
    type,
    cursorVersion,
  }: { readonly name: string; readonly type: string; readonly cursorVersion: number },
  stored: StoredState,
): unknown {
  if (stored.type !== type)
    throw unusable(
      name,
      `it belongs to a source of type "${stored.type}", but the source now has type "${type}"`,
    );
  if (stored.cursorVersion > cursorVersion) throw newer(name);
  return stored.cursor;
}

const newer = (name: string): SourceError =>
  new SourceError(
    "blocked",
    `A later version of Onramp wrote the cursor of source "${name}"; this version does not change it. Update this replica, or set another cursor with: onramp sources set ${name} --cursor JSON.`,
  );

const unusable = (name: string, reason: string): SourceError =>
  new SourceError(
    "blocked",
    `The stored cursor of source "${name}" cannot be used: ${reason}. To start from the beginning, run: onramp sources set ${name} --from-start. To keep the stored cursor, give the source another name.`,
  );

/**
 * Removes the user, the query and the fragment from the URLs in a text: they may contain secrets. A URL ends at whitespace. Linear in
 * the length of the text.
 */
export function withoutUrlSecrets(text: string): string {
  if (!text.includes("://")) return text;
  return text
    .split(/(\s+)/)
    .map((word) => {
      const [start = "", ...rest] = word.split("://");
      // What is before the last "@" may be a password, also if it contains a slash.
      return [start, ...rest.map((part) => part.replace(/[?#].*$/s, "").replace(/^.*@/s, ""))].join("://");
    })
    .join("");
}

/** Returns a copy of a JSON value in which `withoutUrlSecrets` was applied to every text, also to the names of members. */
export function withoutSecretsInside(value: unknown): unknown {
  if (typeof value === "string") return withoutUrlSecrets(value);
  if (Array.isArray(value)) return value.map(withoutSecretsInside);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [withoutUrlSecrets(name), withoutSecretsInside(member)]),
  );
}
