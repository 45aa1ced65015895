// The table of adapter families: the kinds that this build contains, and the options that all adapters of a
// family share.

import type { Adapters } from "../config/schema.ts";
import { sinkOptions } from "../core/sink.ts";
import { sinkKinds } from "../sinks/index.ts";
import { webhookKinds } from "../webhooks/index.ts";

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
    names: "^[a-zA-Z0-9._-]{1,100}$",
  },
};
