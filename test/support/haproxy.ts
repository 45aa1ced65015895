// Debian's HAProxy as a reverse proxy with short time-outs.

import { isInstalled, startListener } from "./foreground.ts";

export const haproxyInstalled = isInstalled("haproxy", "-v");

/**
 * Starts HAProxy in front of the servers at `urls`; it ends after the test. It closes what is idle for 3 s, and sends no requests to
 * a server that does not accept connections.
 *
 * @returns the URL of HAProxy
 */
export async function startHaproxy(...urls: readonly string[]): Promise<string> {
  const servers = urls.map((url, index) => `  server s${index} ${new URL(url).host} check inter 200ms`);
  const port = await startListener({
    program: "haproxy",
    config: (port) => `
defaults
  mode http
  timeout connect 1s
  timeout client 3s
  timeout server 3s
  option redispatch
frontend all
  bind 127.0.0.1:${port}
  default_backend servers
backend servers
${servers.join("\n")}
`,
    args: (file) => ["-f", file, "-db"],
  });
  return `http://127.0.0.1:${port}`;
}
