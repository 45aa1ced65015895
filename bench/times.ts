// Measures the time of each of a sequence of requests on one connection, to Kafka directly and to an HTTP server, so that
// both can be compared. (wrk corrects its percentiles for requests that it could not send during a slow one.)

import { once } from "node:events";
import net from "node:net";
import { Connection } from "../src/kafka/client/connection.ts";
import { Produce } from "../src/wire/messages/produce.ts";
import { encodeBatch } from "../src/wire/record-batch.ts";
import { leaderOf } from "../test/support/read-back.ts";
import { order } from "./bodies.ts";

/**
 * Sends one record after the other to Kafka, `pauseMs` apart, until `ended` settles.
 *
 * @returns the times from request to answer in milliseconds, sorted
 */
export async function ackTimes(
  brokers: readonly string[],
  topic: string,
  ended: Promise<unknown>,
  pauseMs: number,
): Promise<number[]> {
  const [host = "", port] = (await leaderOf(brokers, topic, 0)).split(":");
  const connection = await Connection.open({ host, port: Number(port), connectTimeoutMs: 5000 });
  const records = encodeBatch([
    { key: null, value: Buffer.from(order()), headers: [], timestamp: Date.now() },
  ]);
  const body = {
    transactionalId: null,
    acks: -1,
    timeoutMs: 5000,
    topics: [{ name: topic, partitions: [{ partition: 0, records }] }],
  };
  const times: number[] = [];
  let running = true;
  const stop = ended.finally(() => (running = false));
  while (running) {
    const began = performance.now();
    const answer = await connection.request(Produce, 7, body, 10_000);
    times.push(performance.now() - began);
    if (answer.topics[0]?.partitions[0]?.errorCode !== 0)
      throw new Error("Kafka refused a record of the benchmark");
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  await stop;
  connection.close();
  return times.sort((a, b) => a - b);
}

/** Posts one order after the other until `ended` settles. @returns as `ackTimes` */
export async function httpTimes(url: string, ended: Promise<unknown>): Promise<number[]> {
  const { hostname, port, pathname } = new URL(url);
  const body = order();
  const head = `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json`;
  const request = `${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const socket = net.connect(Number(port), hostname).setNoDelay(true);
  const times: number[] = [];
  let running = true;
  const stop = ended.finally(() => (running = false));
  while (running) {
    const began = performance.now();
    socket.write(request);
    const [answer] = (await once(socket, "data")) as [Buffer];
    times.push(performance.now() - began);
    if (!answer.includes("HTTP/1.1 200"))
      throw new Error(`${url} answered ${answer.toString("latin1", 0, 30)}`);
  }
  await stop;
  socket.destroy();
  return times.sort((a, b) => a - b);
}

/** The quantile of the sorted `times`: `share` of them are below it. */
export const percentile = (times: readonly number[], share: number): number =>
  times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
