// From the configuration's `kafka` section to what the Kafka folder takes: files read, tokens fetched on demand.

import { readFileSync } from "node:fs";
import path from "node:path";
import type tls from "node:tls";
import type { Config, SaslConfig } from "../config/types.ts";
import { ms } from "../core/units.ts";
import type { KafkaOptions } from "../kafka/client/cluster.ts";
import type { SaslOptions } from "../kafka/client/sasl.ts";
import { clientCredentials } from "../web/oauth.ts";

/** @param brokers where to start from; the configuration's own, or the development broker */
export function kafkaOptions({ kafka, folder }: Config, brokers: readonly string[]): KafkaOptions {
  return {
    brokers,
    tls: tlsOf(kafka.tls, folder),
    sasl: kafka.sasl && saslOf(kafka.sasl),
    requestTimeoutMs: ms(kafka.requestTimeout),
    connectTimeoutMs: ms(kafka.connectTimeout),
  };
}

function tlsOf(tls: Config["kafka"]["tls"], folder: string): tls.ConnectionOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === true) return {};
  const read = (file: string | undefined): Buffer | undefined =>
    file === undefined ? undefined : readFileSync(path.resolve(folder, file));
  const { ca, cert, key } = { ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key) };
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function saslOf(sasl: SaslConfig): SaslOptions {
  if (sasl.mechanism !== "oauthbearer") return sasl;
  const { token, tokenEndpoint = "", clientId = "", clientSecret = "", scope } = sasl;
  return {
    mechanism: "oauthbearer",
    token:
      token === undefined
        ? clientCredentials({ tokenEndpoint, clientId, clientSecret, scope })
        : async () => token,
  };
}
