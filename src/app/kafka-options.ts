// Builds the options of `kafka/` from the `kafka` section of the configuration. Reads the TLS files; tokens
// are requested on demand.

import type tls from "node:tls";
import type { Config } from "../config/load.ts";
import type { Settings } from "../config/schema.ts";
import { readTlsFiles } from "../core/tls-files.ts";
import { ms } from "../core/units.ts";
import type { KafkaOptions } from "../kafka/client/cluster.ts";
import type { SaslOptions } from "../kafka/client/sasl.ts";
import { clientCredentials } from "../web/oauth.ts";

/** @param brokers the bootstrap brokers: those of the configuration, or the development broker */
export function kafkaOptions({ kafka, folder }: Config, brokers: readonly string[]): KafkaOptions {
  return {
    brokers,
    tls: tlsOf(kafka.tls, folder),
    sasl: kafka.sasl && saslOf(kafka.sasl),
    requestTimeoutMs: ms(kafka.requestTimeout),
    connectTimeoutMs: ms(kafka.connectTimeout),
    maxIdleMs: ms(kafka.connectionMaxIdle),
    sessionTimeoutMs: ms(kafka.sessionTimeout),
  };
}

function tlsOf(tls: Settings["kafka"]["tls"], folder: string): tls.ConnectionOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  return tls === true ? {} : readTlsFiles(tls, folder);
}

function saslOf(sasl: NonNullable<Settings["kafka"]["sasl"]>): SaslOptions {
  if (sasl.mechanism !== "oauthbearer") return sasl;
  const { token, tokenEndpoint = "", clientId = "", clientSecret = "", scope } = sasl;
  if (token !== undefined) return { mechanism: "oauthbearer", token: async () => token };
  const tokens = clientCredentials({ owner: "kafka.sasl", tokenEndpoint, clientId, clientSecret, scope });
  return { mechanism: "oauthbearer", token: tokens.get, onRefused: tokens.drop };
}
