// Declares the options of the configuration and builds its JSON Schema, including the options of the
// adapters. `npm run generate` writes the schema to schemas/onramp.json, for editors.

import { type AdapterFamily, type AdapterSettings, withDefaults } from "../core/adapter.ts";
import {
  boolean,
  duration,
  expression,
  file,
  literal,
  map,
  number,
  type Options,
  object,
  oneOf,
  port,
  type SchemaPart,
  section,
  size,
  string,
  type ValuesOf,
} from "../core/options.ts";
import type { Sink, sinkOptions } from "../core/sink.ts";
import type { Source, sourceOptions } from "../core/source.ts";
import { TOPIC_NAME } from "../core/topics.ts";
import type { WebhookReceiver } from "../core/webhook.ts";
import { http } from "./schema-http.ts";
import { kafka } from "./schema-kafka.ts";

const topic = object({
  schema: file("The JSON Schema that every value must match."),
  key: expression(
    "JSONata over the value. The result is the key of a record that the client sends without a key.",
  ),
  tombstones: boolean("Whether a topic with a schema accepts records without a value.", {
    default: true,
  }),
  partitions: number("The number of partitions when Onramp creates the topic. Default: the broker's.", {
    type: "integer",
    minimum: 1,
  }),
  replicationFactor: number("The replication factor when Onramp creates the topic. Default: the broker's.", {
    type: "integer",
    minimum: 1,
  }),
  config: map(
    string("A value.", { minLength: 0 }),
    "The topic configs (such as retention.ms) that are set when Onramp creates the topic.",
    {
      default: {},
    },
  ),
});

const sections = {
  kafka,
  http,
  admin: section({
    host: string(
      "The address for health and metrics. A loopback address accepts clients on this machine only. For other clients, set an address such as 0.0.0.0 (all IPv4 interfaces; the default of the container image), and restrict access to the port, because it requires no token.",
      { default: "127.0.0.1", env: "ONRAMP_ADMIN_HOST" },
    ),
    port: port("The port for health and metrics.", { default: 8081, env: "ONRAMP_ADMIN_PORT" }),
  }),
  log: section({
    level: oneOf(["debug", "info", "warn", "error", "silent"], "The least severe level that is written.", {
      default: "info",
      env: "ONRAMP_LOG_LEVEL",
    }),
  }),
  stop: section({
    drain: duration(
      "How long requests are still accepted after SIGTERM, SIGINT or SIGHUP, so that load balancers can stop sending them.",
      { default: "5s", env: "ONRAMP_STOP_DRAIN" },
    ),
    deadline: duration(
      "The time after SIGTERM, SIGINT or SIGHUP by which the process ends, even with requests in flight.",
      {
        default: "25s",
      },
    ),
  }),
  topics: map(
    topic,
    "The rules of topics, by topic name.",
    { default: {} },
    {
      pattern: TOPIC_NAME,
      description: '1 to 249 letters, digits, dots, underscores or hyphens, but not "." or ".."',
    },
  ),
  devBroker: section({
    port: port("The port of the development broker of `start --dev`; 0 for any free port.", {
      default: 19092,
      env: "ONRAMP_DEV_BROKER_PORT",
    }),
    samples: boolean(
      "Whether `start --dev` writes a generated order per second to the topic sample.orders. Applies only without a configuration file and without a broker, so set it with the environment variable.",
      { default: true, env: "ONRAMP_DEV_BROKER_SAMPLES" },
    ),
    retention: size("The maximum size of the records that the development broker keeps in memory.", {
      default: "256MB",
      env: "ONRAMP_DEV_BROKER_RETENTION",
    }),
  }),
} satisfies Options;

/** The families of adapters; `app/adapters.ts` contains the table. */
export interface Adapters {
  readonly webhooks: AdapterFamily<WebhookReceiver>;
  readonly sources: AdapterFamily<Source, typeof sourceOptions>;
  readonly sinks: AdapterFamily<Sink, typeof sinkOptions>;
}

/** The content of the configuration, with defaults. */
export type Settings = ValuesOf<typeof sections> & {
  readonly [F in keyof Adapters]: Readonly<Record<string, AdapterSettings<Adapters[F]["common"]>>>;
};

/**
 * @param settings a configuration: the schema then has the options of the kinds that it uses. Compiling all of them would take a
 *   fifth of the time in which Onramp starts
 * @returns the JSON Schema of the whole configuration
 */
export function configSchema(adapters: Adapters, settings?: Readonly<Record<string, unknown>>): SchemaPart {
  const families = Object.entries(adapters as unknown as Readonly<Record<string, AdapterFamily<unknown>>>);
  const { schema } = object({ ...sections });
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Onramp configuration",
    ...schema,
    properties: {
      ...(schema["properties"] as object),
      ...Object.fromEntries(
        families.map(([name, family]) => [name, familySchema(name, family, usedIn(settings, name))]),
      ),
    },
  };
}

/** The environment variables that override options: the name, and the path of the option. */
export const environment: readonly EnvironmentVariable[] = Object.entries(sections).flatMap(([name, part]) =>
  "properties" in part
    ? Object.entries(part.properties).flatMap(([key, { env, schema }]) =>
        env === undefined ? [] : [{ name: env, path: [name, key] as const, schema }],
      )
    : [],
);

export interface EnvironmentVariable {
  readonly name: string;
  readonly path: readonly [section: string, key: string];
  readonly schema: SchemaPart;
}

/** @returns whether an adapter of a section has a type */
function usedIn(
  settings: Readonly<Record<string, unknown>> | undefined,
  section: string,
): (type: string) => boolean {
  if (settings === undefined) return () => true;
  const own = Object.values((settings[section] ?? {}) as object) as ({ readonly type?: unknown } | null)[];
  const types = new Set(own.map((adapter) => adapter?.type));
  return (type) => types.has(type);
}

/**
 * Builds the schema of a family's section: adapters by name; `type` selects the kind of each. It contains
 * `if` and `then`, and no `oneOf`, because ajv does not set defaults below `oneOf`.
 *
 * @throws Error when a kind declares an option that the family declares
 */
function familySchema(
  section: string,
  { kinds, common, description, names }: AdapterFamily<unknown>,
  isUsed: (type: string) => boolean,
): SchemaPart {
  const used = kinds.filter(({ type }) => isUsed(type));
  for (const { type, options } of kinds)
    for (const name of Object.keys(options.properties))
      if (name === "type" || name in common)
        throw new Error(`${section}: the kind "${type}" declares "${name}", which every kind has`);
  return {
    type: "object",
    default: {},
    description,
    ...(names === undefined ? {} : { propertyNames: names }),
    additionalProperties: {
      type: "object",
      required: ["type"],
      properties: {
        type: {
          enum: kinds.map(({ type }) => type),
          description: `The kind of ${section.replace(/s$/, "")}.`,
        },
      },
      ...(used.length === 0
        ? {}
        : {
            allOf: used.map(({ type, options, defaults }) => ({
              if: { properties: { type: { const: type } } },
              then: object({ type: literal(type), ...options.properties, ...withDefaults(common, defaults) })
                .schema,
            })),
          }),
    },
  };
}
