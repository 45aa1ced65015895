// The receipts of an envelope, compared with the log.

import { strict as assert } from "node:assert";
import type { Gateway } from "../../src/app/gateway.ts";
import { type Answer, post, V2_TEXT } from "./http.ts";
import { readTopic } from "./read-back.ts";

/** A record as it was sent. */
export interface Sent {
  readonly partition: number;
  readonly value: string;
}

/** The entry of one record in the response. */
export interface Outcome {
  readonly partition: number | null;
  readonly offset: number | null;
  readonly error_code: number | null;
}

export function postEnvelope(gateway: Gateway, topic: string, records: readonly Sent[]): Promise<Answer> {
  return post(gateway, `/topics/${topic}`, V2_TEXT, JSON.stringify({ records }));
}

/** Every record with a receipt is in the log at its offset, and no offset is in two receipts. */
export async function verifyReceipts(
  brokers: readonly string[],
  topic: string,
  partitions: number,
  receipts: readonly (readonly [Sent, Outcome])[],
): Promise<void> {
  const log = await readTopic(brokers, topic, partitions);
  const places = new Set<string>();
  for (const [sent, { partition, offset, error_code }] of receipts) {
    if (error_code !== null) continue;
    assert.equal(partition, sent.partition);
    assert.ok(!places.has(`${partition}/${offset}`), `offset ${offset} of ${partition} was given out twice`);
    places.add(`${partition}/${offset}`);
    const found = log[sent.partition]?.find((record) => record.offset === offset);
    assert.equal(found?.value?.toString(), sent.value);
  }
}
