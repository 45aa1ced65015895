// Many clients that post at once, and the outcome of each record, compared with the log.

import { strict as assert } from "node:assert";
import http from "node:http";
import { afterTest } from "./after-test.ts";
import { readTopic } from "./read-back.ts";

/** One record that a client sent. */
export interface Posted {
  readonly value: string;
  readonly status: number;
  /** The partition and offset of the receipt, if there is one. */
  readonly partition: number;
  readonly offset: number;
  readonly tookMs: number;
}

/** Clients that post one value after the other on persistent connections, until `stop`. */
export function startLoad(apiUrl: string, path: string, clients: number, { pauseMs = 0 } = {}) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  const posted: Posted[] = [];
  let running = true;
  const loop = async (client: number): Promise<void> => {
    for (let n = 0; running; n++) {
      posted.push(await post(agent, apiUrl, path, `${client}:${n}`));
      if (pauseMs > 0 || posted.at(-1)?.status !== 200)
        await new Promise((resolve) => setTimeout(resolve, Math.max(pauseMs, 20)));
    }
  };
  const done = Promise.all(Array.from({ length: clients }, (_, client) => loop(client)));
  const stop = async (): Promise<Posted[]> => {
    running = false;
    await done;
    agent.destroy();
    return posted;
  };
  afterTest(stop);
  return { posted, stop };
}

/** Posts one value; a failure without an HTTP answer has status 0. */
export function post(agent: http.Agent, apiUrl: string, path: string, value: string): Promise<Posted> {
  const began = performance.now();
  return new Promise((resolve) => {
    const done = (status: number, body?: { partition: number; offset: number }): void =>
      resolve({
        value,
        status,
        partition: body?.partition ?? -1,
        offset: body?.offset ?? -1,
        tookMs: performance.now() - began,
      });
    const request = http.request(`${apiUrl}${path}`, { agent, method: "POST" }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () =>
        done(response.statusCode ?? 0, response.statusCode === 200 ? JSON.parse(text) : undefined),
      );
    });
    request.on("error", () => done(0));
    request.end(value);
  });
}

/** The longest time of a post, in milliseconds. */
export function longest(posted: readonly Posted[]): number {
  return posted.reduce((most, { tookMs }) => Math.max(most, tookMs), 0);
}

/** The 99th percentile of the times, in milliseconds. */
export function percentile99(posted: readonly Posted[]): number {
  const sorted = posted.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
}

/**
 * Compares the responses with the log. Every receipt reads back, no acknowledged record is in the log twice,
 * no record that was answered as not written is in the log, and the acknowledged records of each client are
 * in order.
 */
export async function verify(
  brokers: readonly string[],
  topic: string,
  partitions: number,
  posted: readonly Posted[],
): Promise<void> {
  const through = new Map<number, number>();
  for (const { status, partition, offset } of posted)
    if (status === 200) through.set(partition, Math.max(offset, through.get(partition) ?? -1));
  const log = await readTopic(brokers, topic, partitions, through);
  const times = new Map<string, number>();
  for (const { value } of log.flat())
    times.set(value?.toString() ?? "", (times.get(value?.toString() ?? "") ?? 0) + 1);
  const byOffset = log.map(
    (records) => new Map(records.map((record) => [record.offset, record.value?.toString()])),
  );
  const last = new Map<string, number>();
  for (const { value, status, partition, offset } of posted) {
    if (status === 200) {
      assert.equal(byOffset[partition]?.get(offset), value, `the receipt ${partition}/${offset}`);
      assert.equal(
        times.get(value),
        1,
        `${value} was acknowledged and is in the log ${times.get(value)} times`,
      );
      const lane = `${value.split(":")[0]}/${partition}`;
      assert.ok(offset > (last.get(lane) ?? -1), `${value} overtook its predecessor`);
      last.set(lane, offset);
    } else if (status !== 504 && status !== 0)
      assert.equal(times.get(value), undefined, `${value} was answered ${status} and is in the log`);
  }
}
