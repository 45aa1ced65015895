// Creates topics for a source, and decides which failures need an operator.

import { messageOf, OperatorError } from "../core/errors.ts";
import { SourceError } from "../core/source.ts";
import type { TopicEnsurer } from "../core/source-ports.ts";

/** @throws SourceError: `blocked` when an operator must act, `passing` when Kafka cannot be reached */
export async function ensureTopics(topics: TopicEnsurer, names: readonly string[]): Promise<void> {
  try {
    await topics.ensure(names);
  } catch (error) {
    const kind = error instanceof OperatorError ? "blocked" : "passing";
    throw new SourceError(kind, messageOf(error), { cause: error });
  }
}
