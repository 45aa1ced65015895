// Compiles the configuration: compiles schemas and expressions, and creates adapters. Each family has its own
// step.

import { deadLetterTopic } from "../core/dead-letter.ts";
import type { TopicRules } from "../core/topics.ts";
import type { WebhookReceiver } from "../core/webhook.ts";
import { compressionOf } from "../kafka/produce/compression.ts";
import { type CompiledSink, compileSinks } from "./compile-sinks.ts";
import { compileTopics } from "./compile-topics.ts";
import { compileWebhooks } from "./compile-webhooks.ts";
import { type CompileHooks, Compiler } from "./compiler.ts";
import type { Problem } from "./problems.ts";
import type { Adapters, Settings } from "./schema.ts";

export interface Compiled {
  readonly topics: ReadonlyMap<string, TopicRules>;
  readonly webhooks: ReadonlyMap<string, WebhookReceiver>;
  readonly sinks: readonly CompiledSink[];
  /** All topics that the configuration names. They must exist before records are received. */
  readonly topicNames: readonly string[];
  /** Sentences for the operator. */
  readonly warnings: readonly string[];
}

/**
 * Compiles settings, except the parts that violate the schema. Use the result only if there are no problems.
 *
 * @param broken the paths at which the schema is violated
 */
export function compileConfig(
  settings: Settings,
  adapters: Adapters,
  hooks: CompileHooks & { readonly folder: string },
  broken: readonly string[],
): { readonly compiled: Compiled; readonly problems: readonly Problem[] } {
  const compiler = new Compiler(hooks, broken);
  const { topics, warnings } = compileTopics(settings, compiler);
  const webhooks = compileWebhooks(settings, adapters, compiler);
  const sinks = compileSinks(settings, adapters, compiler);
  compiler.attempt("kafka.compression", () => compressionOf(settings.kafka.compression));
  const received = [...webhooks.values()].flatMap(({ topics: named, onInvalid }) =>
    onInvalid === "dead-letter" ? named.flatMap(withDeadLetters) : named,
  );
  const read = sinks.flatMap((sink) => sink.topics.flatMap(withDeadLetters));
  return {
    compiled: {
      topics,
      webhooks,
      sinks,
      topicNames: [...new Set([...topics.keys(), ...received, ...read])],
      warnings,
    },
    problems: compiler.problems,
  };
}

const withDeadLetters = (topic: string): string[] => [topic, deadLetterTopic(topic)];
