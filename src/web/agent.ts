// Creates the agents of outgoing requests. A request goes directly to its receiver, or through a proxy: then the agent opens
// a tunnel (CONNECT), for http and https, so that the proxy does not read the request. The settings of Node for the
// built-in `fetch` and the global agents (NODE_USE_ENV_PROXY) have no effect on these agents.

import http from "node:http";
import https from "node:https";
import type { SecureContextOptions } from "node:tls";
import { HttpsProxyAgent } from "https-proxy-agent";
import { proxyTextFor } from "./environment-proxy.ts";
import { InvalidProxy, NOT_HTTP, TunnelFailed } from "./failure.ts";

/** How long a proxy may take to open a tunnel by default, in milliseconds. */
const TUNNEL_MS = 10_000;
const CLOSED =
  "the proxy closed the connection before it answered CONNECT; check the host and the port of the proxy";

/**
 * Returns the proxy of the environment variables for a URL, see `proxyTextFor`.
 *
 * @throws InvalidProxy; Error for a block in NO_PROXY that is not valid
 */
export function environmentProxy(url: URL): URL | undefined {
  const found = proxyTextFor(url);
  return found === "" ? undefined : parseProxy(found, "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY");
}

/** @param source the name of the option or of the variables @throws InvalidProxy for a text that is not an http or https URL */
export function parseProxy(text: string, source: string): URL {
  try {
    const url = new URL(text);
    credentialsOf(url);
    if (/^https?:$/.test(url.protocol)) return url;
  } catch {
    // The error of the parser would quote the text.
  }
  throw new InvalidProxy(source);
}

const credentialsOf = ({ username, password }: URL): string =>
  Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");

/**
 * Creates an agent that reuses the connections to the receiver.
 *
 * @param proxy undefined: the requests go directly to the receiver
 * @param idleMs how long an unused connection stays open, in milliseconds
 * @param tunnelMs how long the proxy may take to open a tunnel, in milliseconds
 */
export function createAgent(
  url: URL,
  tls: SecureContextOptions,
  proxy: URL | undefined,
  idleMs = 60_000,
  tunnelMs = TUNNEL_MS,
): http.Agent {
  const options = { keepAlive: true, maxSockets: 64, keepAliveMsecs: 1000, timeout: idleMs };
  if (proxy) return new TunnelAgent(proxy, { ...options, ...tls }, tunnelMs);
  return url.protocol === "https:" ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
}

type Options = NonNullable<ConstructorParameters<typeof HttpsProxyAgent>[1]>;
type Connect = HttpsProxyAgent<string>["connect"];

/** An agent whose tunnels are closed if the proxy does not open them in time. */
export class TunnelAgent extends HttpsProxyAgent<string> {
  readonly #options: Options;
  readonly #tunnelMs: number;

  constructor(proxy: URL, options: Options, tunnelMs: number) {
    // The library writes the URL of its proxy to the debug log.
    const withoutPassword = new URL(proxy);
    withoutPassword.username = withoutPassword.password = "";
    super(withoutPassword, options);
    const headers = proxy.username === "" ? {} : { "proxy-authorization": `Basic ${credentialsOf(proxy)}` };
    this.#options = { ...options, headers };
    this.#tunnelMs = tunnelMs;
  }

  override async connect(...[request, options]: Parameters<Connect>): ReturnType<Connect> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#tunnelMs);
    try {
      const single = new HttpsProxyAgent(this.proxy, { ...this.#options, signal: late.signal });
      return await single.connect(request, options);
    } catch (cause) {
      if (late.signal.aborted)
        throw new TunnelFailed(`the proxy opened no tunnel within ${this.#tunnelMs} ms`, { cause });
      const { code, message } = cause as NodeJS.ErrnoException;
      // The library describes the answer of the proxy in messages alone.
      if (code !== undefined || !/CONNECT response/.test(message)) throw cause;
      throw new TunnelFailed(/ended/.test(message) ? CLOSED : NOT_HTTP, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The idle time of the built-in `fetch`: a receiver closes connections that are unused for longer. In milliseconds. */
const IDLE_MS = 4000;
const agents = new Map<string, http.Agent>();

/** Returns the agent for requests that use the proxies of the environment. @throws InvalidProxy */
export function environmentAgent(url: URL): http.Agent {
  const proxy = environmentProxy(url);
  const key = `${url.protocol} ${proxy?.href ?? ""}`;
  const agent = agents.get(key) ?? createAgent(url, {}, proxy, IDLE_MS);
  agents.set(key, agent);
  return agent;
}
