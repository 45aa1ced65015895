// `onramp dev-broker`: the development broker alone, for clients on this machine.

import { adapterSchemas } from "../app/adapters.ts";
import { StartError } from "../app/gateway.ts";
import { loadConfig } from "../config/load.ts";
import { bytes } from "../core/units.ts";
import type { Command } from "./command.ts";

export const devBroker: Command = {
  name: "dev-broker",
  summary: "run the development broker (in memory, this machine only)",
  usage: "[--port N]",
  options: { port: { type: "string" } },
  async run(io, { port }) {
    const env = typeof port === "string" ? { ...io.env, ONRAMP_DEV_BROKER_PORT: port } : io.env;
    const config = loadConfig(undefined, env, adapterSchemas);
    const { DevBroker } = await import("../dev-broker/broker.ts");
    const broker = new DevBroker({
      port: config.devBroker.port,
      retentionBytes: bytes(config.devBroker.retention),
    });
    await broker.start().catch((error: NodeJS.ErrnoException) => {
      throw new StartError(
        `Cannot listen on port ${config.devBroker.port} (${error.code}); choose another with --port.`,
        { cause: error },
      );
    });
    io.out(`development broker on ${broker.address}; records live in memory and are gone when it ends`);
    await io.stopped;
    await broker.stop();
    return 0;
  },
};
