// `onramp check`: validates the configuration, including its schemas and expressions, and exits.

import { type Command, configOption, configure } from "./command.ts";

export const check: Command = {
  name: "check",
  summary: "validate the configuration and exit",
  usage: "[FILE | --config FILE]",
  options: configOption,
  maxArguments: 1,
  async run(io, options, [argument]) {
    const { config, file } = await configure(io, options, { argument });
    const { warnings, topics, webhooks, sources, sinks } = config.compiled;
    for (const warning of warnings) io.err(`warning: ${warning}`);
    io.out(
      `${file ?? "The configuration (no file, environment only)"} is valid: ${topics.size} topics with rules, ${webhooks.size} webhooks, ${sources.size} sources, ${sinks.size} sinks.`,
    );
    return 0;
  },
};
