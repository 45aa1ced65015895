// `onramp token NAME`: makes a token and what of it goes into the configuration.

import { createToken } from "../http/auth/tokens.ts";
import type { Command } from "./command.ts";

export const token: Command = {
  name: "token",
  summary: "make an API token and its hash",
  usage: "NAME",
  options: {},
  async run(io, _options, [name]) {
    if (name === undefined) {
      io.err("Name the token, as in: onramp token shop");
      return 2;
    }
    const { token, hash } = createToken();
    io.out(`token (give it to the client; it is not kept anywhere): ${token}`);
    io.out("for the configuration:");
    io.out(
      `http: { auth: { tokens: { ${JSON.stringify(name)}: { hash: "${hash}", produce: ["orders"], read: [] } } } }`,
    );
    return 0;
  },
};
