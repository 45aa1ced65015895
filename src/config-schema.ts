// The configuration's JSON Schema: the one place for keys, their meaning and their defaults. `npm run generate`
// writes it to schemas/onramp.json, which ships for editors; adapters bring their own part.

/** A part of a JSON Schema. */
export type SchemaPart = Readonly<Record<string, unknown>>;

const object = (properties: Record<string, SchemaPart>, extra: SchemaPart = {}): SchemaPart => ({
  type: "object",
  additionalProperties: false,
  properties,
  ...extra,
});
const string = (description: string, extra: SchemaPart = {}): SchemaPart => ({
  type: "string",
  minLength: 1,
  description,
  ...extra,
});
const duration = (description: string, fallback?: string): SchemaPart =>
  string(`${description} A duration: ms, s, m, h, d.`, {
    format: "duration-onramp",
    ...(fallback ? { default: fallback } : {}),
  });
const size = (description: string, fallback?: string): SchemaPart =>
  string(`${description} A size: B, kB, MB, GB (powers of 1024).`, {
    format: "size-onramp",
    ...(fallback ? { default: fallback } : {}),
  });
const port = (description: string, fallback: number): SchemaPart => ({
  type: "integer",
  minimum: 0,
  maximum: 65535,
  default: fallback,
  description,
});
const file = (description: string): SchemaPart =>
  string(`${description} A path, relative to the configuration file.`);
const names = (description: string): SchemaPart => ({
  type: "array",
  items: string("A topic, or a pattern with *."),
  description,
});

const kafkaTls: SchemaPart = {
  description: "TLS to the brokers: true for the system's authorities, or the files to use.",
  oneOf: [
    { type: "boolean" },
    object({
      ca: file("PEM of the authorities that signed the brokers."),
      cert: file("PEM of our client certificate."),
      key: file("PEM of its key."),
    }),
  ],
};
const sasl: SchemaPart = {
  description: "How Onramp logs in to Kafka.",
  type: "object",
  required: ["mechanism"],
  discriminator: { propertyName: "mechanism" },
  oneOf: [
    object(
      {
        mechanism: { enum: ["plain", "scram-sha-256", "scram-sha-512"], description: "The SASL mechanism." },
        username: string("The user."),
        password: string("Its password; use ${env:NAME} or ${file:/path}."),
      },
      { required: ["mechanism", "username", "password"] },
    ),
    object(
      {
        mechanism: { const: "oauthbearer", description: "The SASL mechanism." },
        token: string("A fixed token; or leave it out and give tokenEndpoint."),
        tokenEndpoint: string("Where tokens are fetched with the client-credentials grant (RFC 6749, 4.4)."),
        clientId: string("The client's id at that endpoint."),
        clientSecret: string("The client's secret."),
        scope: string("The scope asked for."),
      },
      {
        required: ["mechanism"],
        oneOf: [{ required: ["token"] }, { required: ["tokenEndpoint", "clientId", "clientSecret"] }],
      },
    ),
  ],
};
const kafka = object({
  brokers: {
    type: "array",
    items: string("host:port", { pattern: "^(\\[[0-9a-fA-F:]+\\]|[^:/\\s]+)(:[0-9]+)?$" }),
    default: [],
    description: "Where to find the cluster. KAFKA_BROKERS, separated by commas.",
  },
  namespace: string(
    "Prefixes what Onramp itself keeps in Kafka: two installations on one cluster need two. ONRAMP_NAMESPACE.",
    { default: "onramp", pattern: "^[a-zA-Z0-9_-]{1,100}$" },
  ),
  createTopics: {
    type: "boolean",
    description:
      "Create the topics named here where they are missing. Default: true with --dev, else false: then the start fails and prints how.",
  },
  tls: kafkaTls,
  sasl,
  requestTimeout: duration("How long a broker may wait for replicas before it answers.", "1500ms"),
  connectTimeout: duration("For connecting, TLS and login together.", "2s"),
  compression: {
    enum: ["none", "gzip", "snappy", "lz4", "zstd"],
    default: "none",
    description: "Of the batches that Onramp writes; zstd needs Node 22.15.",
  },
  linger: duration("How long a record may wait for company in its batch.", "0ms"),
});
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

/** The whole schema. @param webhooks option schemas of the webhook kinds, each with its `type` as a const */
export function configSchema(webhooks: readonly SchemaPart[]): SchemaPart {
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
        additionalProperties: {
          type: "object",
          required: ["type"],
          properties: { type: { enum: webhooks.map(typeOf), description: "The kind of webhook." } },
          // Not oneOf: ajv fills in defaults below `then` alone.
          allOf: webhooks.map((options) => ({
            if: { properties: { type: { const: typeOf(options) } } },
            then: options,
          })),
        },
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

function typeOf(options: SchemaPart): unknown {
  return (options["properties"] as { type: { const: unknown } }).type.const;
}
