// `onramp start`: runs the gateway until SIGTERM, SIGINT or SIGHUP.

import { type Command, configOption, configure } from "./command.ts";

export const start: Command = {
  name: "start",
  summary: "run the gateway (the default command)",
  usage: "[FILE | --config FILE] [--dev]",
  options: { ...configOption, dev: { type: "boolean", default: false } },
  maxArguments: 1,
  async run(io, options, [argument]) {
    const dev = options["dev"] === true;
    const { config, log, file } = await configure(io, options, { argument, samples: dev });
    const { stopped } = io;
    const [{ startGateway }, { greet }] = await Promise.all([
      import("../app/gateway.ts"),
      import("../app/greeting.ts"),
    ]);
    const gateway = await startGateway(
      config,
      { dev, requireAuth: io.env["ONRAMP_REQUIRE_AUTH"] === "true" },
      log,
    );
    const stopping = new AbortController();
    if (dev)
      greet(config, gateway, io.err, file !== undefined, stopping.signal).catch((error: unknown) =>
        log.warn({ error }, "the commands to try were not printed"),
      );
    log.info({ api: gateway.apiUrl, admin: gateway.adminUrl }, "onramp started");
    await stopped;
    stopping.abort();
    log.info({}, "onramp stopping");
    await gateway.stop();
    log.info({}, "onramp stopped");
    return 0;
  },
};
