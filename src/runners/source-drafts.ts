// Checks the drafts that a source yields, and applies its filter.

import { bindingsOf } from "../core/bindings.ts";
import { OnrampError } from "../core/errors.ts";
import { type Expression, ExpressionError } from "../core/expressions.ts";
import { parsedValue } from "../core/json-numbers.ts";
import type { TopicDraft } from "../core/prepare.ts";
import type { Draft } from "../core/record.ts";
import { type Batch, SourceError } from "../core/source.ts";
import { yieldToEventLoop } from "../core/time.ts";

const NOT_A_DRAFT = `the source yielded a draft that has no topic, or a key, value or header that is not a Buffer; report this bug to the author of the source`;

/**
 * Returns the drafts that pass the filter, as copies: they get timestamps.
 *
 * @throws SourceError for something that is not a draft
 */
export async function keptDrafts(
  drafts: Batch<unknown>["drafts"],
  filter: Expression | undefined,
): Promise<TopicDraft[]> {
  const kept: TopicDraft[] = [];
  for (const given of drafts) {
    // An await, or a rest pattern, per record has a measurable cost.
    const pause = yieldToEventLoop();
    if (pause !== undefined) await pause;
    const { topic, key = null, value = null, headers = [], partition, timestamp, parsed, json } = given ?? {};
    if (typeof topic !== "string" || !isBytes(key) || !isBytes(value) || !areHeaders(headers))
      throw new SourceError("passing", NOT_A_DRAFT);
    const draft: Draft = { key, value, headers, partition, timestamp, parsed, json };
    if (given.fault) draft.fault = given.fault;
    const fault = filter && (await applyFilter(filter, topic, draft));
    if (fault === undefined) kept.push({ topic, draft });
    else if (fault !== "skipped") kept.push({ topic, draft, fault });
  }
  return kept;
}

/** @returns undefined for a record that passes, the error when the filter fails */
async function applyFilter(
  filter: Expression,
  topic: string,
  draft: Draft,
): Promise<OnrampError | "skipped" | undefined> {
  const { key, headers, timestamp } = draft;
  const bindings = bindingsOf({ topic, key, headers, ...(timestamp === undefined ? {} : { timestamp }) });
  try {
    return (await filter.matches(parsedValue(draft.value), bindings)) ? undefined : "skipped";
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return new OnrampError(40001, `filter: ${error.message}`, { cause: error });
  }
}

const isBytes = (part: unknown): boolean => part === null || Buffer.isBuffer(part);
const areHeaders = (headers: unknown): boolean =>
  Array.isArray(headers) &&
  headers.every((header) => typeof header?.key === "string" && isBytes(header.value));
