// All decoders of foreign bytes, for the fuzz soak and its short test.

import { httpTargets } from "./http.ts";
import { kafkaTargets } from "./kafka.ts";
import { sourceTargets } from "./sources.ts";
import type { FuzzTarget } from "./target.ts";
import { startWebTarget } from "./web.ts";

/** Called in a test, whose end stops what this starts. */
export const startTargets = async (): Promise<readonly FuzzTarget[]> => [
  ...kafkaTargets,
  ...httpTargets,
  ...sourceTargets,
  await startWebTarget(),
];
