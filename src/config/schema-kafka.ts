// The `kafka` section of the configuration's schema.

import { duration, file, object, type SchemaPart, string } from "../core/options.ts";

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
export const kafka = object({
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
