// The configuration's JSON Schema: the one place for keys, their meaning and their defaults. `npm run generate`
// writes it to schemas/onramp.json, which ships for editors; adapters bring their own part.

import { duration, file, names, object, port, type SchemaPart, size, string } from "../core/options.ts";
import { oneOfKinds, withCommon } from "./schema-adapters.ts";
import { kafka } from "./schema-kafka.ts";

const token = object(
  {
    hash: string("sha256:… as `onramp token` prints it.", { pattern: "^sha256:[0-9a-f]{64}$" }),
    produce: names("Topics that the token may write."),
    read: names("Topics that the token may read."),
  },
  { required: ["hash"] },
);
const http = object({
  host: string(
    "The address to listen on. Default: 127.0.0.1 without auth, all interfaces with it. ONRAMP_HOST.",
  ),
  port: port("The port of the API. ONRAMP_PORT.", 8080),
  tls: object(
    { cert: file("PEM of the certificate chain."), key: file("PEM of its key.") },
    { required: ["cert", "key"] },
  ),
  auth: {
    description: 'Who may use the API: tokens, or "none" on purpose.',
    oneOf: [
      { const: "none" },
      object(
        { tokens: { type: "object", additionalProperties: token, description: "Tokens by name." } },
        { required: ["tokens"] },
      ),
    ],
  },
  cors: {
    type: "array",
    items: string("An origin, as https://app.example.com.", { pattern: "^https?://[^/\\s]+$" }),
    default: [],
    description: "Web origins that may call the API.",
  },
  budget: size("Bytes accepted and not yet acknowledged; one client may hold half.", "64MB"),
  maxBody: size("The largest request body.", "25MB"),
  deadline: duration("When a request is answered, whatever is known then.", "5s"),
});
const topic = object({
  schema: file("JSON Schema that every value must match."),
  key: string("JSONata over the value; gives the key when the caller sends none."),
  tombstones: {
    type: "boolean",
    default: true,
    description: "Whether records without a value are taken, where there is a schema.",
  },
  partitions: {
    type: "integer",
    minimum: 1,
    description: "When Onramp creates the topic. Default: the broker's.",
  },
  replicationFactor: {
    type: "integer",
    minimum: 1,
    description: "When Onramp creates the topic. Default: the broker's.",
  },
  config: {
    type: "object",
    additionalProperties: { type: "string" },
    default: {},
    description: "The topic's configuration when Onramp creates it.",
  },
});

/** Option schemas of the adapters' kinds, each with its `type` as a const. */
export interface AdapterSchemas {
  readonly webhooks: readonly SchemaPart[];
  readonly sinks: readonly SchemaPart[];
}

/** The whole schema. */
export function configSchema({ webhooks, sinks }: AdapterSchemas): SchemaPart {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Onramp configuration",
    ...object({
      kafka: { ...kafka, default: {} },
      http: { ...http, default: {} },
      admin: {
        ...object({
          host: string("The address of health and metrics. Default: as the API's. ONRAMP_ADMIN_HOST."),
          port: port("Their port. ONRAMP_ADMIN_PORT.", 8081),
        }),
        default: {},
      },
      log: {
        ...object({
          level: {
            enum: ["debug", "info", "warn", "error", "silent"],
            default: "info",
            description: "ONRAMP_LOG_LEVEL.",
          },
        }),
        default: {},
      },
      stop: {
        ...object({
          drain: duration(
            "How long to go on accepting after SIGTERM, so that load balancers look away first. ONRAMP_STOP_DRAIN.",
            "5s",
          ),
          deadline: duration("When the process ends at the latest.", "25s"),
        }),
        default: {},
      },
      topics: {
        type: "object",
        default: {},
        additionalProperties: topic,
        propertyNames: { pattern: "^[a-zA-Z0-9._-]{1,249}$" },
        description: "Topics with rules of their own, by name.",
      },
      webhooks: {
        type: "object",
        default: {},
        description: "Webhook receivers by name; each answers at /webhooks/<name>.",
        additionalProperties: oneOfKinds(webhooks, "The kind of webhook."),
      },
      sinks: {
        type: "object",
        default: {},
        description: "Ways out by name; each reads its topics in a consumer group of its own.",
        propertyNames: { pattern: "^[a-zA-Z0-9._-]{1,100}$" },
        additionalProperties: oneOfKinds(sinks.map(withCommon), "The kind of sink."),
      },
      devBroker: {
        ...object({
          port: port(
            "Where `start --dev` runs the development broker; 0 for any. ONRAMP_DEV_BROKER_PORT.",
            19092,
          ),
          retention: size("What it keeps in memory. ONRAMP_DEV_BROKER_RETENTION.", "256MB"),
        }),
        default: {},
      },
    }),
  };
}
