// The options of the `kafka` section.

import {
  boolean,
  duration,
  either,
  list,
  literal,
  object,
  oneOf,
  secret,
  section,
  size,
  string,
  token,
  url,
  variant,
} from "../core/options.ts";
import { tlsFiles } from "../core/tls-files.ts";

const brokerTls = either(
  [literal(true), literal(false), object(tlsFiles)],
  "TLS to the brokers: true (with the CA certificates of Node.js), false, or the certificates to use.",
);

const sasl = variant(
  "mechanism",
  [
    object({
      mechanism: oneOf(["plain", "scram-sha-256", "scram-sha-512"], "The SASL mechanism.", {
        required: true,
      }),
      username: string("The user name.", { required: true }),
      password: secret("The user's password; use ${env:NAME} or ${file:/path}.", { required: true }),
    }),
    object(
      {
        mechanism: oneOf(["oauthbearer"], "The SASL mechanism.", { required: true }),
        token: token("A fixed token, instead of tokenEndpoint."),
        tokenEndpoint: url(
          "The URL to request tokens from, with the client-credentials grant (RFC 6749, 4.4).",
        ),
        clientId: string("The client id for tokenEndpoint."),
        clientSecret: secret("The client secret for tokenEndpoint."),
        scope: string("The scope to request."),
      },
      { oneOf: [{ required: ["token"] }, { required: ["tokenEndpoint", "clientId", "clientSecret"] }] },
    ),
  ],
  "The SASL authentication with the brokers.",
);

export const kafka = section({
  brokers: list(
    string("host:port", { pattern: "^(\\[[0-9a-fA-F:]+\\]|[^:/@\\s]+)(:[0-9]+)?$" }),
    "The bootstrap brokers of the cluster, as host:port. In the environment variable, commas separate them.",
    { default: [], env: "KAFKA_BROKERS" },
  ),
  namespace: string(
    "The prefix of Onramp's own consumer groups and topics. Each installation on a cluster needs a different namespace.",
    { default: "onramp", pattern: "^[a-zA-Z0-9_-]{1,100}$", env: "ONRAMP_NAMESPACE" },
  ),
  createTopics: boolean(
    "Create missing topics that the configuration names. Default: true if `start --dev` starts the development broker, otherwise false. If false and a topic is missing, the start fails and prints the commands that create it.",
  ),
  tls: brokerTls,
  sasl,
  requestTimeout: duration("How long a broker may wait for its replicas before it responds.", {
    default: "1500ms",
  }),
  connectTimeout: duration("The time limit for connecting, including TLS and authentication.", {
    default: "2s",
  }),
  connectionMaxIdle: duration(
    "A connection that has had no requests for this long is replaced before its next request. Choose a time below the idle limits of the load balancers and firewalls between Onramp and the brokers.",
    { default: "2m" },
  ),
  sessionTimeout: duration(
    "How long a replica keeps its partitions and sources after its last heartbeat; then another replica takes over. Brokers accept 6s to 30m by default.",
    { default: "10s" },
  ),
  compression: oneOf(
    ["none", "gzip", "snappy", "lz4", "zstd"],
    "The compression of the batches that Onramp writes; zstd needs Node.js 22.15 or later.",
    { default: "none" },
  ),
  readBudget: size(
    "The memory for records that were read from Kafka and not delivered yet, for all sinks together. At most one batch whose decompressed size exceeds it is held at a time.",
    { default: "64MB" },
  ),
  maxUnpackedBatch: size(
    "The maximum decompressed size of a batch. A partition is not read past a larger batch; it is reported as unreadable.",
    { default: "256MB" },
  ),
  linger: duration("How long a record may wait for other records for the same batch.", { default: "0ms" }),
});
