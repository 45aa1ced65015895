// `onramp check`: validates the configuration, its schemas and expressions, and exits.

import { loadConfig } from "../config.ts";
import { planOf } from "../plan.ts";
import { webhookKinds } from "../webhooks/index.ts";
import { type Command, configFile, configOption } from "./command.ts";

export const check: Command = {
  name: "check",
  summary: "validate the configuration and exit",
  usage: "[--config FILE]",
  options: configOption,
  async run(io, options) {
    const config = loadConfig(
      configFile(io, options),
      io.env,
      webhookKinds.map((kind) => kind.options),
    );
    const { warnings, topics, webhooks } = planOf(config);
    for (const warning of warnings) io.err(`warning: ${warning}`);
    io.out(`The configuration is valid: ${topics.size} topics with rules, ${webhooks.size} webhooks.`);
    return 0;
  },
};
