// `onramp check`: validates the configuration, including its schemas and expressions, and exits.

import { loadConfiguration } from "../app/configuration.ts";
import { type Command, configFile, configOption } from "./command.ts";

export const check: Command = {
  name: "check",
  summary: "validate the configuration and exit",
  usage: "[--config FILE]",
  options: configOption,
  async run(io, options) {
    const { config } = loadConfiguration(configFile(io, options), io.env);
    const { warnings, topics, webhooks, sinks } = config.compiled;
    for (const warning of warnings) io.err(`warning: ${warning}`);
    io.out(
      `The configuration is valid: ${topics.size} topics with rules, ${webhooks.size} webhooks, ${sinks.size} sinks.`,
    );
    return 0;
  },
};
