// Loaded into a process by `canary.ts`: at SIGUSR2, it prints how long its event loop was held at most since the last signal.

import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 5;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
process.on("SIGUSR2", () => {
  process.stderr.write(`held ${(delays.max / 1e6 - RESOLUTION_MS).toFixed(1)}\n`);
  delays.reset();
});
