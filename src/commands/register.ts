// The register of commands. The first one is the default.

import { check } from "./check.ts";
import type { Command } from "./command.ts";
import { devBroker } from "./dev-broker.ts";
import { github } from "./github.ts";
import { produce } from "./produce.ts";
import { deadLetter, replay } from "./replay.ts";
import { sources } from "./sources.ts";
import { start } from "./start.ts";
import { tail } from "./tail.ts";
import { token } from "./token.ts";

export const commands: readonly [Command, ...Command[]] = [
  start,
  check,
  token,
  tail,
  produce,
  replay,
  deadLetter,
  sources,
  github,
  devBroker,
];
