// A sender with brokers in this process.

import type { TopicState } from "../../src/kafka/client/metadata.ts";
import { Lane } from "../../src/kafka/produce/lane.ts";
import type { ProducerIds } from "../../src/kafka/produce/producer-id.ts";
import { Sender } from "../../src/kafka/produce/sender.ts";
import type { BatchCompression } from "../../src/wire/record-batch.ts";
import { keepingLog } from "./gateway.ts";
import { produceBrokers, stopDate, turn } from "./produce-brokers.ts";
import { type Waiting, waiting } from "./segments.ts";

/** A time that is longer than any backoff of a lane. */
export const PAUSE = 1000;

/** The clock moves only with `pass`. */
export function startSender(topics: readonly TopicState[], compression?: BatchCompression) {
  const pass = stopDate();
  const brokers = produceBrokers(...topics);
  const producerIds: { current: number | undefined } = { current: 7 };
  const log = keepingLog();
  const batches: number[] = [];
  const sender = new Sender({
    cluster: brokers.cluster,
    metadata: brokers.metadata,
    producerIds: producerIds as unknown as ProducerIds,
    log,
    compression,
    onBatch: (records) => void batches.push(records),
  });
  const lanes = new Map<string, Lane>();
  const lane = (place: string): Lane => {
    const [topic = "", partition] = place.split("/");
    const host = { refresh() {}, renewProducerId() {}, reportSuspectedLoss() {} };
    const found = lanes.get(place) ?? new Lane(topic, Number(partition), host);
    lanes.set(place, found);
    return found;
  };
  const pump = async (): Promise<void> => {
    sender.pump();
    await turn();
  };
  return {
    sender,
    brokers,
    producerIds,
    log,
    batches,
    lane,
    pump,
    /** Queues a request with these values. @param place `topic/partition` */
    push(place: string, ...values: string[]): Waiting {
      const request = waiting(values);
      lane(place).push(request.segment);
      sender.active.add(lane(place));
      return request;
    },
    /** Advances the clock, and sends everything that is due. */
    async later(ms: number): Promise<void> {
      pass(ms);
      await pump();
    },
    /** Advances the clock without sending, as while an answer is in flight. */
    pass,
  };
}
