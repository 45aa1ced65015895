// Measures the resident memory of the gateway when Kafka hangs: before, while a thousand connections post and the broker
// does not answer, and after the broker answers again.

import { setTimeout as delay } from "node:timers/promises";
import { startLoad } from "../test/support/load.ts";
import { rss } from "../test/support/process.ts";
import type { Server } from "./servers.ts";

const CONNECTIONS = 1000;

export interface Overload {
  readonly before: number;
  readonly most: number;
  readonly after: number;
  readonly answered: Readonly<Record<number, number>>;
}

/**
 * @param pause suspends the broker
 * @param resume continues it
 */
export async function overload(
  { url, pid }: Server,
  pause: () => void,
  resume: () => void,
  seconds: number,
): Promise<Overload> {
  const load = startLoad(url, "/topics/bench", CONNECTIONS, { pauseMs: 100 });
  await delay(3000);
  const before = rss(pid);
  let most = before;
  pause();
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await delay(100))
    most = Math.max(most, rss(pid));
  resume();
  await delay(5000);
  const posted = await load.stop();
  await delay(2000);
  const answered: Record<number, number> = {};
  for (const { status } of posted) answered[status] = (answered[status] ?? 0) + 1;
  return { before, most, after: rss(pid), answered };
}
