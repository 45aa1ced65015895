// `onramp start`: runs the gateway until SIGTERM or SIGINT.

import { startGateway } from "../app/gateway.ts";
import { DEFAULT_URL } from "../client/gateway.ts";
import { type Command, configFile, configOption, configure } from "./command.ts";

export const start: Command = {
  name: "start",
  summary: "run the gateway (the default command)",
  usage: "[--config FILE] [--dev]",
  options: { ...configOption, dev: { type: "boolean", default: false } },
  async run(io, options) {
    const dev = options["dev"] === true;
    const { config, log } = configure(io, options, { samples: dev });
    const gateway = await startGateway(
      config,
      { dev, requireAuth: io.env["ONRAMP_REQUIRE_AUTH"] === "true" },
      log,
    );
    if (gateway.devBroker) for (const line of banner(gateway.devBroker)) io.err(line);
    if (dev)
      for (const line of greeting(gateway.apiUrl, Object.keys(config.topics)[0] ?? "orders")) io.err(line);
    if (gateway.devBroker && !configFile(io, options) && config.devBroker.samples)
      for (const line of SAMPLES) io.err(line);
    log.info({ api: gateway.apiUrl, admin: gateway.adminUrl }, "onramp started");
    await io.stopped;
    log.info({}, "onramp stopping");
    await gateway.stop();
    log.info({}, "onramp stopped");
    return 0;
  },
};

const SAMPLES = [
  "  Onramp writes a sample order per second to sample.orders (ONRAMP_DEV_BROKER_SAMPLES=false switches this off).",
  "",
];

function banner(address: string): string[] {
  return [
    "",
    "  ************************************************************************",
    "  *  DEVELOPMENT BROKER: records are in this process's memory, and are   *",
    "  *  lost when it ends. Set KAFKA_BROKERS to use a real Kafka cluster.   *",
    "  ************************************************************************",
    `  Kafka clients on this machine can connect to ${address}`,
  ];
}

function greeting(apiUrl: string, topic: string): string[] {
  return [
    "",
    "  Onramp is ready. Try:",
    "",
    `  curl -sS ${apiUrl}/topics/${topic} -H 'content-type: application/json' -d '{"orderId":"o-1","total":12.50}'`,
    `  npx onramp tail ${topic}${apiUrl === DEFAULT_URL ? "" : ` --url ${apiUrl}`}`,
    "",
  ];
}
