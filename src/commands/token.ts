// `onramp token NAME`: creates a token, and prints the token and its configuration.

import { createToken } from "../core/token.ts";
import type { Command } from "./command.ts";

export const token: Command = {
  name: "token",
  summary: "create an API token and its hash",
  usage: "NAME",
  options: {},
  maxArguments: 1,
  async run(io, _options, [name]) {
    if (!name) {
      io.err("Give the token a name, such as: onramp token shop");
      return 2;
    }
    const { token, hash } = createToken();
    io.out(`Token (give it to the client; Onramp does not store it): ${token}`);
    io.out("Configuration:");
    io.out(
      `http: { auth: { tokens: { ${JSON.stringify(name)}: { hash: "${hash}", produce: ["orders"], read: [] } } } }`,
    );
    return 0;
  },
};
