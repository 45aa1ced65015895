// Memory when Kafka hangs: resident bytes of the gateway before, while a thousand connections post into a broker
// that does not answer, and after it answers again.

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

/** @param pause stops the broker where it stands; @param resume lets it go on */
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
