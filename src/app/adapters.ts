// The table of adapter families: the kinds that this build contains, and the options that all adapters of a
// family share.

import type { Adapters } from "../config/schema.ts";
import type { NameRule } from "../core/options.ts";
import { sinkOptions } from "../core/sink.ts";
import { sourceOptions } from "../core/source.ts";
import { sinkKinds } from "../sinks/index.ts";
import { sourceKinds } from "../sources/index.ts";
import { webhookKinds } from "../webhooks/index.ts";

/** The names of sources and sinks are parts of transactional ids and consumer groups. */
const names: NameRule = {
  pattern: "^[a-zA-Z0-9._-]{1,100}$",
  description: "1 to 100 letters, digits, dots, underscores or hyphens",
};

export const adapters: Adapters = {
  webhooks: {
    kinds: webhookKinds,
    common: {},
    topicsOf: (_, webhook) =>
      (webhook?.topics ?? []).map((topic) => ({
        topic,
        access: "write",
        deadLetters: webhook?.onInvalid === "dead-letter",
      })),
    description: "Webhooks by name; each receives deliveries at /webhooks/<name>.",
  },
  sources: {
    kinds: sourceKinds,
    common: sourceOptions,
    topicsOf: (_, source) =>
      (source?.topics ?? []).map((topic) => ({ topic, access: "write", deadLetters: true })),
    description:
      "Sources by name. One replica at a time runs each source; all replicas must have the same sources.",
    names,
  },
  sinks: {
    kinds: sinkKinds,
    common: sinkOptions,
    topicsOf: ({ topics }) =>
      (Array.isArray(topics) ? topics : []).map((topic) => ({
        topic,
        access: "read",
        deadLetters: true,
        option: "topics",
      })),
    description: "Sinks by name; each reads its topics in a consumer group of its own.",
    names,
  },
};
