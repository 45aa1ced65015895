// Turns an item into a draft, and computes the hash by which it is known.

import { OnrampError } from "../../core/errors.ts";
import { type Expression, ExpressionError, toKey } from "../../core/expressions.ts";
import { hashOf } from "../../core/known-ids.ts";
import type { SourceDraft } from "../../core/source.ts";

/** Seconds since 1970 are below this number until the year 5138, and milliseconds above it since 1973. */
const MAX_SECONDS = 1e11;

/** The expressions that identify an item. */
export interface IdentityRules {
  readonly id: Expression | undefined;
  readonly version: Expression | undefined;
}

/** The topic of the records, and the expressions for their keys and timestamps. */
export interface DraftRules {
  readonly topic: string;
  readonly key: Expression | undefined;
  readonly timestamp: Expression | undefined;
}

/** The identity of an item. An item whose id cannot be computed becomes a dead letter, and is known by its bytes. */
interface Identity {
  readonly hash: string;
  readonly fault?: OnrampError;
}

/** @returns undefined when the source has no ids */
export async function hashOfItem(
  { id, version }: IdentityRules,
  bytes: Buffer,
  value: unknown,
): Promise<Identity | undefined> {
  if (id === undefined) return undefined;
  try {
    const own = await id.evaluate(value, {});
    if (own === undefined || own === null) throw new ExpressionError("the result is empty");
    const parts = version === undefined ? [own] : [own, (await version.evaluate(value, {})) ?? null];
    return { hash: hashOf(JSON.stringify(parts)) };
  } catch (error) {
    return { hash: hashOf(bytes.toString("latin1")), fault: faultOf("id or version", error) };
  }
}

/** @param fault makes the draft a dead letter */
export async function draftOf(
  { topic, key, timestamp }: DraftRules,
  bytes: Buffer,
  value: unknown,
  fault: OnrampError | undefined,
): Promise<SourceDraft> {
  const draft = { topic, value: bytes };
  if (fault) return { ...draft, fault };
  try {
    const ownKey = key && { key: toKey(await key.evaluate(value, {})) };
    const time = timestamp && timeIn(await timestamp.evaluate(value, {}));
    return { ...draft, ...ownKey, ...(time === undefined ? {} : { timestamp: time }) };
  } catch (error) {
    return { ...draft, fault: faultOf("key or timestamp", error) };
  }
}

/** @returns milliseconds since 1970; undefined when there is no result */
function timeIn(result: unknown): number | undefined {
  if (result === undefined || result === null) return undefined;
  if (typeof result === "string") {
    const parsed = Date.parse(result);
    if (!Number.isNaN(parsed)) return parsed;
  }
  const time = result;
  if (typeof time !== "number" || !Number.isFinite(time))
    throw new ExpressionError(
      "the result is neither an ISO 8601 time nor seconds or milliseconds since 1970",
    );
  return Math.round(Math.abs(time) < MAX_SECONDS ? time * 1000 : time);
}

function faultOf(options: string, error: unknown): OnrampError {
  if (!(error instanceof ExpressionError)) throw error;
  return new OnrampError(40001, `${options}: ${error.message}`, { cause: error });
}
