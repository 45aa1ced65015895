// `onramp github missed`: lists the deliveries that GitHub could not deliver, and what Onramp does about each.

import { type Command, configOption, configure, stopSignal, withoutInfo } from "./command.ts";

export const github: Command = {
  name: "github",
  summary: "list the missed deliveries of GitHub, without requesting them again",
  usage: "missed [--config FILE]",
  options: configOption,
  maxArguments: 1,
  async run(io, options, [verb]) {
    if (verb !== "missed") {
      io.err("Usage: onramp github missed [--config FILE]");
      return 2;
    }
    const { config, log } = await configure(io, options);
    const { listMissed } = await import("../app/github-missed.ts");
    for (const [webhook, deliveries] of await listMissed(config, withoutInfo(log), stopSignal(io)))
      for (const { guid, event, at, verdict } of deliveries)
        io.out([webhook, guid, event, new Date(at).toISOString(), verdict].join("\t"));
    return 0;
  },
};
