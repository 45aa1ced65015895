// A gateway with short deadlines, on a development broker with faults in its Produce responses.

import type { DevBroker } from "../../src/dev-broker/broker.ts";
import type { ProducedBatch, ProduceFault } from "../../src/dev-broker/faults.ts";
import { readBatches, readRecords } from "../../src/wire/record-batch-reader.ts";
import { useBroker } from "./broker.ts";
import { useGateway } from "./gateway.ts";
import { post } from "./http.ts";
import { readValues } from "./read-back.ts";

/** The key of Kafka's Produce API. */
export const PRODUCE = 0;

/** For a suite on the development broker: a gateway, and a fresh topic for every test. */
export function useProduceFaults() {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { deadline: "700ms" }, kafka: { requestTimeout: "200ms" } }),
  );
  let topic = "";
  beforeEach(async () => {
    topic = await broker.topic();
  });
  return {
    broker,
    gateway,
    topic: () => topic,
    /** Injects this fault into the first `times` batches. */
    fault(
      what: ProduceFault | ((batch: ProducedBatch) => ProduceFault | undefined),
      times = Number.POSITIVE_INFINITY,
    ): void {
      let left = times;
      broker.dev().faults.produce = (batch) =>
        left-- > 0 ? (typeof what === "function" ? what(batch) : what) : undefined;
    },
    put: (value: string) => post(gateway(), `/topics/${topic}`, "text/plain", value),
    stored: () => readValues(broker.addresses(), topic),
  };
}

/** The values of a batch's records, as text. */
export function valuesOf(batch: ProducedBatch): string[] {
  return [...readBatches(batch.bytes)].flatMap((each) =>
    readRecords(each).map(({ value }) => value?.toString() ?? ""),
  );
}

/** Delays every answer to Produce by this time. */
export function delayProduce({ faults }: DevBroker, ms: number): void {
  faults.response = (apiKey) => (apiKey === PRODUCE ? { kind: "delay", ms } : undefined);
}
