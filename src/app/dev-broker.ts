// Starts the development broker. Its code is imported only here and on demand, so production does not load
// it.

import type { Config } from "../config/load.ts";
import { bytes } from "../core/units.ts";
import type { DevBroker } from "../dev-broker/broker.ts";
import { portError } from "./start-error.ts";

/**
 * Starts the development broker on `devBroker.port`.
 *
 * @param portOption the option or environment variable that sets another port
 * @throws StartError when the port is not free
 */
export async function startDevBroker(config: Config, portOption: string): Promise<DevBroker> {
  const { port, retention } = config.devBroker;
  const module = await import("../dev-broker/broker.ts");
  const broker = new module.DevBroker({ port, retentionBytes: bytes(retention) });
  await broker.start().catch((error: unknown) => {
    throw portError(portOption, port, error);
  });
  return broker;
}
