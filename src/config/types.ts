// The configuration as the rest of the program sees it; `config-schema.ts` says what each key means.

/** What `configSchema` describes, with defaults in place. Durations and sizes are still strings; see `ms` and `bytes`. */
export interface Config {
  readonly kafka: {
    readonly brokers: readonly string[];
    readonly namespace: string;
    readonly createTopics?: boolean;
    readonly tls?: boolean | { readonly ca?: string; readonly cert?: string; readonly key?: string };
    readonly sasl?: SaslConfig;
    readonly requestTimeout: string;
    readonly connectTimeout: string;
    readonly compression: "none" | "gzip" | "snappy" | "lz4" | "zstd";
    readonly linger: string;
  };
  readonly http: {
    readonly host?: string;
    readonly port: number;
    readonly tls?: { readonly cert: string; readonly key: string };
    readonly auth?: "none" | { readonly tokens: Readonly<Record<string, TokenConfig>> };
    readonly cors: readonly string[];
    readonly budget: string;
    readonly maxBody: string;
    readonly deadline: string;
  };
  readonly admin: { readonly host?: string; readonly port: number };
  readonly log: { readonly level: "debug" | "info" | "warn" | "error" | "silent" };
  readonly stop: { readonly drain: string; readonly deadline: string };
  readonly topics: Readonly<Record<string, TopicConfig>>;
  readonly webhooks: Readonly<Record<string, { readonly type: string } & Readonly<Record<string, unknown>>>>;
  readonly sinks: Readonly<Record<string, SinkConfig>>;
  readonly devBroker: { readonly port: number; readonly retention: string };
  /** The folder that paths in the file are relative to. */
  readonly folder: string;
}

export type SaslConfig =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: "oauthbearer";
      readonly token?: string;
      readonly tokenEndpoint?: string;
      readonly clientId?: string;
      readonly clientSecret?: string;
      readonly scope?: string;
    };

export interface SinkConfig extends Readonly<Record<string, unknown>> {
  readonly type: string;
  readonly topics: readonly string[];
  readonly from: "latest" | "earliest";
  readonly filter?: string;
  readonly giveUpAfter: string;
}

export interface TokenConfig {
  readonly hash: string;
  readonly produce?: readonly string[];
  readonly read?: readonly string[];
}

export interface TopicConfig {
  readonly schema?: string;
  readonly key?: string;
  readonly tombstones: boolean;
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config: Readonly<Record<string, string>>;
}
