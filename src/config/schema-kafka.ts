// The options of the `kafka` section.

import {
  boolean,
  duration,
  either,
  file,
  list,
  literal,
  object,
  oneOf,
  section,
  string,
  variant,
} from "../core/options.ts";

const brokerTls = either(
  [
    literal(true),
    literal(false),
    object({
      ca: file("PEM of the authorities that signed the brokers' certificates."),
      cert: file("PEM of Onramp's client certificate."),
      key: file("PEM of its key."),
    }),
  ],
  "TLS to the brokers: true for the authorities of the system, or the files to use.",
);

const sasl = variant(
  "mechanism",
  [
    object({
      mechanism: oneOf(["plain", "scram-sha-256", "scram-sha-512"], "The SASL mechanism.", {
        required: true,
      }),
      username: string("The user.", { required: true }),
      password: string("The user's password; use ${env:NAME} or ${file:/path}.", { required: true }),
    }),
    object(
      {
        mechanism: oneOf(["oauthbearer"], "The SASL mechanism.", { required: true }),
        token: string("A fixed token, in place of tokenEndpoint."),
        tokenEndpoint: string("Where tokens are fetched with the client-credentials grant (RFC 6749, 4.4)."),
        clientId: string("The client's id at that endpoint."),
        clientSecret: string("The client's secret."),
        scope: string("The scope to ask for."),
      },
      { oneOf: [{ required: ["token"] }, { required: ["tokenEndpoint", "clientId", "clientSecret"] }] },
    ),
  ],
  "How Onramp logs in to Kafka.",
);

export const kafka = section({
  brokers: list(
    string("host:port", { pattern: "^(\\[[0-9a-fA-F:]+\\]|[^:/\\s]+)(:[0-9]+)?$" }),
    "Brokers to find the cluster by, as host:port. The environment variable separates them by commas.",
    { default: [], env: "KAFKA_BROKERS" },
  ),
  namespace: string(
    "The prefix of the groups and topics that Onramp itself keeps in Kafka. Two installations on one cluster need two.",
    { default: "onramp", pattern: "^[a-zA-Z0-9_-]{1,100}$", env: "ONRAMP_NAMESPACE" },
  ),
  createTopics: boolean(
    "Create the topics named in the configuration where they are missing. Default: true with --dev, else false; then the start fails and prints the commands that create them.",
  ),
  tls: brokerTls,
  sasl,
  requestTimeout: duration("How long a broker may wait for replicas before it answers.", {
    default: "1500ms",
  }),
  connectTimeout: duration("The time for connecting, TLS and login together.", { default: "2s" }),
  compression: oneOf(
    ["none", "gzip", "snappy", "lz4", "zstd"],
    "Compression of the batches that Onramp writes; zstd needs Node 22.15.",
    { default: "none" },
  ),
  linger: duration("How long a record may wait for others to share its batch.", { default: "0ms" }),
});
