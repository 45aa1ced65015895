// `onramp dev-broker`: runs the development broker without the gateway, for clients on this machine.

import type { Command } from "./command.ts";

export const devBroker: Command = {
  name: "dev-broker",
  summary: "run the development broker (in memory, for this machine only)",
  usage: "[--port N]",
  options: { port: { type: "string" } },
  maxArguments: 0,
  async run(io, { port }) {
    const env = typeof port === "string" ? { ...io.env, ONRAMP_DEV_BROKER_PORT: port } : io.env;
    const { loadConfiguration } = await import("../app/configuration.ts");
    const { startDevBroker } = await import("../app/dev-broker.ts");
    const { config } = loadConfiguration(undefined, env);
    const broker = await startDevBroker(config, "--port");
    io.out(
      `The development broker listens on ${broker.address}. Its records are in memory and are lost when it ends.`,
    );
    await io.stopped;
    await broker.stop();
    return 0;
  },
};
