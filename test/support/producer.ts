// A producer with brokers in this process, on a clock that the test moves.

import { mock } from "node:test";
import type { AcceptedRecord } from "../../src/core/record.ts";
import type { TopicState } from "../../src/kafka/client/metadata.ts";
import { Producer } from "../../src/kafka/produce/producer.ts";
import { afterTest } from "./after-test.ts";
import { keepingLog } from "./gateway.ts";
import { produceBrokers, turn } from "./produce-brokers.ts";
import { acceptedRecord } from "./segments.ts";

interface Options {
  readonly lingerMs?: number;
  readonly laneBytes?: number;
  /** False: the producer has no producer id yet. */
  readonly started?: boolean;
}

/** The producer has its id unless `started` is false. */
export async function startProducer(
  topics: readonly TopicState[],
  { lingerMs = 0, laneBytes = 1e6, started = true }: Options = {},
) {
  mock.timers.enable({ apis: ["Date", "setTimeout", "setInterval"], now: 1_000_000 });
  afterTest(() => mock.timers.reset());
  const brokers = produceBrokers(...topics);
  const log = keepingLog();
  const batches: number[] = [];
  let losses = 0;
  const events = {
    countBatch: (records: number) => void batches.push(records),
    countSuspectedLoss: () => void losses++,
  };
  const options = { compression: undefined, lingerMs, laneBytes };
  const producer = new Producer(brokers.cluster, brokers.metadata, options, log, events);
  /** Advances the clock in steps of 20 ms, and waits until everything that is due has happened. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 20) {
      mock.timers.tick(Math.min(20, left));
      await turn();
    }
  };
  afterTest(() => producer.stop(0));
  if (started) {
    producer.start();
    mock.timers.tick(0);
    await turn();
  }
  return {
    producer,
    brokers,
    log,
    batches,
    pass,
    losses: () => losses,
    /** Appends to `t`. */
    append(
      records: readonly (string | AcceptedRecord)[],
      options: Partial<Parameters<Producer["append"]>[2]> = {},
    ) {
      const accepted = records.map((each) => (typeof each === "string" ? acceptedRecord(each) : each));
      return producer.append("t", accepted, { deadline: Date.now() + 30_000, ...options });
    },
    /** The value of one gauge of the producer. */
    gauge(name: string): number | undefined {
      const source = producer.metrics.find((each) => each.name === name);
      return source && [...source.read()][0]?.value;
    },
  };
}

/** A record for one partition. */
export const at = (partition: number, value = "a"): AcceptedRecord => acceptedRecord(value, { partition });

/** The code of the error that `work` fails with; undefined when it does not fail. */
export function codeOf(work: Promise<unknown>): Promise<number | undefined> {
  return work.then(
    () => undefined,
    (error: { code?: number }) => error.code,
  );
}
