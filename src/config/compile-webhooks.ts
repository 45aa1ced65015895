// Compiles the `webhooks` section: creates one receiver per webhook.

import { unwritableReason } from "../core/topics.ts";
import type { WebhookReceiver } from "../core/webhook.ts";
import type { Compiler } from "./compiler.ts";
import type { Adapters, Settings } from "./schema.ts";

export function compileWebhooks(
  { webhooks, kafka }: Settings,
  adapters: Adapters,
  compiler: Compiler,
): ReadonlyMap<string, WebhookReceiver> {
  const receivers = new Map<string, WebhookReceiver>();
  for (const [name, options] of compiler.entries(webhooks)) {
    const at = `webhooks.${name}`;
    const receiver = compiler.create(adapters.webhooks, at, name, options);
    if (!receiver) continue;
    receivers.set(name, receiver);
    for (const topic of receiver.topics)
      compiler.checkTopic(at, topic, (named) => unwritableReason(named, kafka.namespace));
  }
  return receivers;
}
