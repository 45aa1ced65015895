// Measures kafkajs's producer with batches, for comparison: `node bench/kafkajs.ts TOPIC BROKER…` prints one line of JSON.

import kafkajs from "kafkajs";
import { order } from "./bodies.ts";

const [topic = "bench", ...brokers] = process.argv.slice(2);
const [BATCH, IN_FLIGHT, SECONDS] = [100, 8, 3];
const producer = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.ERROR }).producer({
  allowAutoTopicCreation: false,
  createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
});
await producer.connect();
await work(1);
const cpu = process.cpuUsage();
const records = await work(SECONDS);
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(
  `${JSON.stringify({ perSecond: records / SECONDS, microsPerRecord: (user + system) / records })}\n`,
);
process.exit(0);

async function work(seconds: number): Promise<number> {
  const end = Date.now() + seconds * 1000;
  const value = order();
  let sent = 0;
  const loop = async (): Promise<void> => {
    while (Date.now() < end) {
      await producer.send({ topic, acks: -1, messages: Array.from({ length: BATCH }, () => ({ value })) });
      sent += BATCH;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
  return sent;
}
