// Transactional producers of sources, each behind a proxy that can lose requests.

import { randomUUID } from "node:crypto";
import type { PreparedRecord } from "../../src/core/record.ts";
import { OwnershipUnknown } from "../../src/core/source-ports.ts";
import { TransactionalProducer } from "../../src/kafka/produce/transaction.ts";
import { afterTest } from "./after-test.ts";
import { startClient } from "./group-members.ts";
import { startKafkaProxy } from "./kafka-proxy.ts";
import { acceptedRecord } from "./segments.ts";

/** A signal that is never aborted. */
export const NEVER = new AbortController().signal;

/** A `confirm` that always succeeds. */
export const CONFIRMED = async (): Promise<void> => {};

/**
 * Recovers the only owner. Apache Kafka 3.9 fences it while its transaction is open, and it takes over as the source runner
 * does (`npm run soak -- older-transactions`).
 */
export async function recover(producer: TransactionalProducer): Promise<void> {
  await producer.recover(CONFIRMED, NEVER).catch((error: unknown) => {
    if (!(error instanceof OwnershipUnknown && process.env["ONRAMP_TEST_OLDER"] === "1")) throw error;
    return producer.takeOver(CONFIRMED, NEVER);
  });
}

/** A record for a transaction. */
export const prepared = (topic: string, value: string, partition = 0): PreparedRecord => ({
  topic,
  record: acceptedRecord(value, { partition }),
});

/** A producer behind a proxy, with its topic. It has taken over, unless `takeOver` is false. */
export async function startTransactions(
  brokers: readonly string[],
  id = `x-${randomUUID()}`,
  { takeOver = true } = {},
) {
  const proxy = await startKafkaProxy(brokers[0] ?? "");
  const client = startClient([proxy.address]);
  const producer = new TransactionalProducer({ ...client, compression: undefined }, id);
  afterTest(() => producer.close());
  if (takeOver) await producer.takeOver(CONFIRMED, NEVER);
  return { id, proxy, producer, client };
}
