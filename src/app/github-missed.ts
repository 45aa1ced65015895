// Lists the missed deliveries of webhooks, for the command `github missed`.

import type { Config } from "../config/load.ts";
import { messageOf, OperatorError } from "../core/errors.ts";
import type { Log } from "../core/ports.ts";
import { SourceError } from "../core/source.ts";
import type { MissedDelivery } from "../core/webhook.ts";
import { KafkaTopicRecords } from "../kafka/consume/topic-records.ts";
import { withKafka } from "./kafka.ts";

/** The missed deliveries cannot be listed. The message contains the reason and the next step. */
export class MissedError extends OperatorError {
  override readonly name = "MissedError";
}

/**
 * Returns the missed deliveries by webhook, and requests none of them again.
 *
 * @throws MissedError, OperatorError
 */
export function listMissed(
  config: Config,
  log: Log,
  stopping: AbortSignal,
): Promise<ReadonlyMap<string, readonly MissedDelivery[]>> {
  const recoveries = [...config.compiled.webhooks].flatMap(([name, { adapter }]) =>
    adapter.recovery ? [{ name, recovery: adapter.recovery }] : [],
  );
  if (recoveries.length === 0)
    throw new MissedError(
      "No webhook has the option recover, so there is no delivery log to read. See docs/sources.md.",
    );
  return withKafka(config, log, async (kafka) => {
    const records = new KafkaTopicRecords({ ...kafka, log });
    const missed = new Map<string, readonly MissedDelivery[]>();
    for (const { name, recovery } of recoveries) {
      try {
        missed.set(name, await recovery.missed(records, stopping));
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        throw new MissedError(`webhooks.${name}.recover: ${messageOf(error)}`, { cause: error });
      }
    }
    return missed;
  });
}
