// Does the same as bare.ts with Express. It runs in its own process: `node bench/express.ts` prints its port.

import type { AddressInfo } from "node:net";
import express from "express";

const app = express().disable("x-powered-by");
app.use(express.json({ limit: "25mb" }));
app.post("/topics/:topic", (req, res) => {
  res.json({ topic: req.params.topic, partition: 0, offset: 123456, timestamp: Date.now() });
});
const server = app.listen(0, "127.0.0.1", () =>
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`),
);
