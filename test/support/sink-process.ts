// Runs gateways as processes that post the records of one topic, a number each, to a double of Slack.

import { produceWithKafkajs, useBroker } from "./broker.ts";
import { type Started, startWith } from "./process.ts";
import { type Arrived, type Receiver, startReceiver } from "./receiver.ts";

const KEYS = 40;

/** For a suite: every test has a receiver and a topic of its own. */
export function useSinkProcesses({ partitions, rate }: { partitions: number; rate: number }) {
  const broker = useBroker();
  let slack: Receiver;
  let topic: string;
  beforeEach(async () => {
    slack = await startReceiver();
    topic = await broker.topic({ partitions });
  });
  const numberIn = ({ body }: Pick<Arrived, "body">): number => Number(JSON.parse(body).text);
  return {
    broker,
    slack: () => slack,
    topic: () => topic,
    numberIn,
    taken: (): number[] => slack.taken.map(numberIn),
    gateway(): Promise<Started> {
      const team = {
        type: "slack",
        webhookUrl: slack.url,
        topics: [topic],
        from: "earliest",
        rate,
        text: "$string(n)",
      };
      const kafka = { brokers: broker.addresses(), createTopics: true, namespace: `ns-${topic}` };
      return startWith({ kafka, sinks: { team } });
    },
    produce(from: number, to: number): Promise<void> {
      const messages = Array.from({ length: to - from }, (_, index) => {
        const n = from + index;
        return { key: `k${n % KEYS}`, value: JSON.stringify({ n }) };
      });
      return produceWithKafkajs(broker.addresses(), topic, messages);
    },
  };
}
