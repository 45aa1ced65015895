// The options of commands that are clients of a running gateway.

import { DEFAULT_URL, type Gateway, parseGateway } from "../client/gateway.ts";
import { messageOf } from "../core/errors.ts";
import type { Io } from "./command.ts";

export const gatewayOption = { url: { type: "string" } } as const;

/**
 * @returns the gateway of `--url`, otherwise of `ONRAMP_URL`, otherwise of `DEFAULT_URL`; undefined when the URL or the token
 * is not valid: the reason has been printed
 */
export function gatewayOf(
  io: Io,
  { url }: Readonly<Record<string, string | boolean | undefined>>,
): Gateway | undefined {
  try {
    const text = typeof url === "string" ? url : io.env["ONRAMP_URL"] || DEFAULT_URL;
    return parseGateway(text, io.env["ONRAMP_TOKEN"] || undefined);
  } catch (error) {
    io.err(messageOf(error));
    return undefined;
  }
}

/**
 * @param names the options that are parameters of the request
 * @returns the options that are given
 */
export const parametersOf = (
  options: Readonly<Record<string, string | boolean | undefined>>,
  names: readonly string[],
): Record<string, string> =>
  Object.fromEntries(
    names
      .map((name) => [name, options[name]])
      .filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );

/** Whether the option is absent or the number of a partition. */
export const isPartition = (given: string | boolean | undefined): boolean =>
  given === undefined || /^\d{1,10}$/.test(String(given));
