// A running gateway, as its clients see it: its URL, its token, and requests to it.

import http from "node:http";
import https from "node:https";
import { OperatorError } from "../core/errors.ts";

/** The gateway that `onramp start --dev` starts. */
export const DEFAULT_URL = "http://127.0.0.1:8080";

export interface Gateway {
  readonly url: URL;
  /** The token of every request; undefined: requests have no token. */
  readonly token: string | undefined;
  /** The URL in messages. */
  readonly name: string;
}

/** @throws OperatorError for a URL or a token that cannot be used. The message does not quote the token */
export function parseGateway(text: string, token: string | undefined): Gateway {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.username || url?.password)
    throw new OperatorError(
      "The URL of the gateway must not contain a user name or a password, because other users of this machine can read arguments. Set ONRAMP_TOKEN.",
    );
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "")
    throw new OperatorError(
      `The URL of the gateway must be an http or https URL without a query, such as ${DEFAULT_URL}. Set --url or ONRAMP_URL.`,
    );
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new OperatorError(
      "ONRAMP_TOKEN contains a space or another character that a token cannot have. Set it to the token that `onramp token NAME` printed.",
    );
  return { url, token, name: `${url.origin}${url.pathname}`.replace(/\/+$/, "") };
}

export interface GatewayRequest {
  readonly method: string;
  /** Below the URL of the gateway, with a slash at its start. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Starts a request on a connection of its own. The caller ends it. @param signal aborts it */
export function openRequest(
  { url, token }: Gateway,
  { method, path, query, headers }: GatewayRequest,
  signal?: AbortSignal,
): http.ClientRequest {
  const target = new URL(url);
  target.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
  target.search = new URLSearchParams(query).toString();
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const all = { ...headers, ...authorization };
  const options = { method, agent: false, headers: all, ...(signal ? { signal } : {}) } as const;
  const request = url.protocol === "https:" ? https.request(target, options) : http.request(target, options);
  request.once("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
  // A connection can fail several times, and after its answer; an error without a listener would end the process.
  request.on("error", () => {});
  return request;
}

/** After this time without traffic, the system checks whether the gateway still exists. */
const KEEP_ALIVE_MS = 30_000;

/** @throws the error of the connection when it fails before the answer */
export const answerTo = (request: http.ClientRequest): Promise<http.IncomingMessage> =>
  new Promise((resolve, reject) => {
    request.once("response", resolve).once("error", reject);
  });
