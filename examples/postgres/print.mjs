// Prints the operation and the row, before and after, of every change: node print.mjs
// Needs kafkajs: npm install kafkajs

import kafkajs from "kafkajs";

const brokers = (process.env.KAFKA_BROKERS ?? "localhost:9092").split(",");
const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.ERROR });
// kafkajs reads committed records only, unless readUncommitted is true.
const consumer = kafka.consumer({ groupId: `print-${Date.now()}` });
const names = { r: "read", c: "created", u: "updated", d: "deleted" };

await consumer.connect();
await consumer.subscribe({ topic: "archdemo.public.demo", fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message: { key, value } }) => {
    if (value === null) return console.log("tombstone", String(key));
    const { op, before, after } = JSON.parse(String(value));
    console.log(names[op], JSON.stringify(before), JSON.stringify(after));
  },
});
