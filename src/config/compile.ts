// Compiles the configuration: compiles schemas and expressions, creates the adapters of every family, and
// collects the names of topics.

import type { AdapterFamily, AdapterSettings } from "../core/adapter.ts";
import { deadLetterTopic } from "../core/dead-letter.ts";
import type { Options } from "../core/options.ts";
import type { TopicRules } from "../core/topics.ts";
import { compressionOf } from "../kafka/produce/compression.ts";
import { type CompiledAdapter, compileFamily } from "./compile-family.ts";
import { compileTopics } from "./compile-topics.ts";
import { type CompileHooks, Compiler, type OptionPath } from "./compiler.ts";
import type { Problem } from "./problems.ts";
import type { Adapters, Settings } from "./schema.ts";

/** The adapters of every family, by name. */
export type CompiledAdapters = {
  readonly [F in keyof Adapters]: Adapters[F] extends AdapterFamily<infer Made, infer Common>
    ? ReadonlyMap<string, CompiledAdapter<Made, Common>>
    : never;
};

export interface Compiled extends CompiledAdapters {
  readonly topics: ReadonlyMap<string, TopicRules>;
  /** All topics that the configuration names. They must exist before records are received. */
  readonly topicNames: readonly string[];
  /** Warnings for the operator, as sentences. */
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
  broken: readonly OptionPath[],
): { readonly compiled: Omit<Compiled, "warnings">; readonly problems: readonly Problem[] } {
  // `settings` may violate the schema, so the section that contains the namespace may be missing.
  const namespace = String((settings.kafka as Partial<Settings["kafka"]> | null)?.namespace);
  const compiler = new Compiler({ ...hooks, namespace }, broken);
  const topics = compileTopics(settings.topics, namespace, compiler);
  const topicNames = new Set(topics.keys());
  const compiled: Record<string, ReadonlyMap<string, unknown>> = {};
  for (const [section, family] of Object.entries(
    adapters as unknown as Readonly<Record<string, AnyFamily>>,
  )) {
    const own = (settings as unknown as Readonly<Record<string, FamilySettings>>)[section] ?? {};
    const made = compileFamily(family, section, own, namespace, compiler);
    compiled[section] = made;
    if (section === "sources") addRecoveries(compiled);
    for (const { topic, deadLetters } of [...made.values()].flatMap(({ topics: used }) => used))
      for (const name of deadLetters ? [topic, deadLetterTopic(topic)] : [topic]) topicNames.add(name);
  }
  compiler.attempt(["kafka", "compression"], () => compressionOf(settings.kafka.compression));
  return {
    compiled: { ...(compiled as unknown as CompiledAdapters), topics, topicNames: [...topicNames] },
    problems: compiler.problems,
  };
}

/** Adds the sources that recover missed deliveries of webhooks. Configured names contain no colon, so the names cannot collide. */
function addRecoveries(compiled: Record<string, ReadonlyMap<string, unknown>>): void {
  const webhooks = compiled["webhooks"] as CompiledAdapters["webhooks"] | undefined;
  const sources = compiled["sources"] as CompiledAdapters["sources"];
  const all = new Map(sources);
  for (const [webhook, { settings, adapter }] of webhooks ?? []) {
    const source = adapter.recovery?.source;
    if (source === undefined) continue;
    const name = `webhook:${webhook}`;
    const own = { type: `${settings.type}-recovery`, tooLarge: "dead-letter" } as const;
    all.set(name, { name, adapter: source, settings: own, filter: undefined, topics: [] });
  }
  compiled["sources"] = all;
}

type AnyFamily = AdapterFamily<unknown>;
type FamilySettings = Readonly<Record<string, AdapterSettings<Options>>>;
