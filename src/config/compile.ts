// What the configuration's files and expressions come to: schemas compiled, receivers made. Used to start and to
// check; every problem at once.

import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { deadLetterTopic } from "../core/dead-letter.ts";
import { compileExpression, type Expression, ExpressionError } from "../core/expressions.ts";
import { compileSchema, type TopicSchema } from "../core/schemas.ts";
import type { Sink, SinkSurroundings } from "../core/sink.ts";
import { reservedReason, type TopicRules, unwritableReason } from "../core/topics.ts";
import type { WebhookReceiver } from "../core/webhook.ts";
import { compressionOf } from "../kafka/produce/compression.ts";
import { sinkKinds } from "../sinks/index.ts";
import { webhookKinds } from "../webhooks/index.ts";
import { isTopicName } from "../wire/topic-name.ts";
import { ConfigError, type Problem } from "./load.ts";
import type { Config, SinkConfig } from "./types.ts";

export interface Plan {
  readonly topics: ReadonlyMap<string, TopicRules>;
  readonly webhooks: ReadonlyMap<string, WebhookReceiver>;
  readonly sinks: readonly PlannedSink[];
  /** Every topic that the configuration names, to be there before records come. */
  readonly topicNames: readonly string[];
  /** Sentences for the operator. */
  readonly warnings: readonly string[];
}

/** A sink, ready to be run. */
export interface PlannedSink extends SinkConfig {
  readonly name: string;
  readonly sink: Sink;
  readonly filterExpression: Expression | undefined;
}

export interface PlanOptions {
  /** Told when an expression took long to evaluate, with its place in the configuration. */
  readonly onSlow?: (place: string, ms: number) => void;
  /** Milliseconds since 1970; the system's clock by default. */
  readonly now?: () => number;
}

/** @throws ConfigError with every problem found */
export function planOf(config: Config, { onSlow, now = Date.now }: PlanOptions = {}): Plan {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const attempt = <T>(at: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      problems.push({ path: at, message: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  };
  const compile = (place: string, source: string): Expression =>
    compileExpression(source, (took) => onSlow?.(place, took));
  const compiled = (place: string, source: string | undefined): Expression | undefined =>
    source === undefined ? undefined : attempt(place, () => compile(place, source));
  /** @param reasonAgainst why one that Kafka can have is not for this use */
  const checkTopic = (at: string, topic: string, reasonAgainst: typeof reservedReason): void => {
    const reason = isTopicName(topic)
      ? reasonAgainst(topic, config.kafka.namespace)
      : `"${topic}" is not a name that a Kafka topic can have.`;
    if (reason) problems.push({ path: at, message: `${reason} Choose another topic` });
  };
  const topics = new Map<string, TopicRules>();
  for (const [name, topic] of Object.entries(config.topics)) {
    const { schema: file, key: source, tombstones } = topic;
    const reserved = unwritableReason(name, config.kafka.namespace);
    if (reserved) problems.push({ path: `topics.${name}`, message: `${reserved} Remove it` });
    const schema: TopicSchema | undefined =
      file === undefined
        ? undefined
        : attempt(`topics.${name}.schema`, () => loadSchema(config.folder, file));
    warnings.push(...(schema?.warnings ?? []));
    const key = compiled(`topics.${name}.key`, source);
    topics.set(name, { schema, key, tombstones });
  }
  const webhooks = new Map<string, WebhookReceiver>();
  for (const [name, options] of Object.entries(config.webhooks)) {
    const receiver = attempt(`webhooks.${name}`, () =>
      webhookKinds.find((kind) => kind.type === options.type)?.create(options),
    );
    if (receiver) webhooks.set(name, receiver);
    for (const topic of receiver?.topics ?? []) checkTopic(`webhooks.${name}`, topic, unwritableReason);
  }
  const sinks: PlannedSink[] = [];
  for (const [name, options] of Object.entries(config.sinks)) {
    const at = `sinks.${name}`;
    const surroundings: SinkSurroundings = {
      compile(option, source) {
        try {
          return compile(`${at}.${option}`, source);
        } catch (error) {
          throw new ExpressionError(`${option}: ${(error as Error).message}`, { cause: error });
        }
      },
      now,
      folder: config.folder,
    };
    const sink = attempt(at, () =>
      sinkKinds.find((kind) => kind.type === options.type)?.create(options, surroundings),
    );
    const filterExpression = compiled(`${at}.filter`, options.filter);
    for (const topic of options.topics) checkTopic(`${at}.topics`, topic, reservedReason);
    if (sink) sinks.push({ ...options, name, sink, filterExpression });
  }
  attempt("kafka.compression", () => compressionOf(config.kafka.compression));
  for (const [at, file] of pemFiles(config)) {
    if (file !== undefined) attempt(at, () => readFile(config.folder, file));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const named = [...webhooks.values()].flatMap((webhook) =>
    webhook.onInvalid === "dead-letter"
      ? webhook.topics.flatMap((topic) => [topic, deadLetterTopic(topic)])
      : webhook.topics,
  );
  const read = sinks.flatMap((sink) => sink.topics.flatMap((topic) => [topic, deadLetterTopic(topic)]));
  return {
    topics,
    webhooks,
    sinks,
    topicNames: [...new Set([...topics.keys(), ...named, ...read])],
    warnings,
  };
}

function loadSchema(folder: string, file: string): TopicSchema {
  return compileSchema(parse(readFile(folder, file)), file);
}

function readFile(folder: string, file: string): string {
  try {
    return readFileSync(path.resolve(folder, file), "utf8");
  } catch (error) {
    throw new Error(
      `cannot read the file (${(error as NodeJS.ErrnoException).code}); paths are relative to the configuration file`,
      { cause: error },
    );
  }
}

function pemFiles({ kafka, http }: Config): [at: string, file: string | undefined][] {
  const tls = typeof kafka.tls === "object" ? kafka.tls : {};
  return [
    ["kafka.tls.ca", tls.ca],
    ["kafka.tls.cert", tls.cert],
    ["kafka.tls.key", tls.key],
    ["http.tls.cert", http.tls?.cert],
    ["http.tls.key", http.tls?.key],
  ];
}
