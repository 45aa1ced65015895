// Waits for conditions that have no event.

import { setTimeout as delay } from "node:timers/promises";

/** Resolves when `condition` is true; checks it every 10 ms. @throws after `timeoutMs` */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline)
      throw new Error(`the condition was not true within ${timeoutMs} ms: ${condition}`);
    await delay(10);
  }
}
