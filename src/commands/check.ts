// `onramp check`: validates the configuration, including its schemas and expressions, and exits.

import { type Command, configOption, configure } from "./command.ts";

export const check: Command = {
  name: "check",
  summary: "validate the configuration and exit",
  usage: "[FILE | --config FILE]",
  options: configOption,
  async run(io, options, [file, ...others]) {
    if (others.length > 0 || (file !== undefined && options["config"] !== undefined)) {
      io.err("Give one file, such as: onramp check onramp.yaml");
      return 2;
    }
    const { config } = configure(io, options, { file });
    const { warnings, topics, webhooks, sources, sinks } = config.compiled;
    for (const warning of warnings) io.err(`warning: ${warning}`);
    io.out(
      `The configuration is valid: ${topics.size} topics with rules, ${webhooks.size} webhooks, ${sources.size} sources, ${sinks.size} sinks.`,
    );
    return 0;
  },
};
