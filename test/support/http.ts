// HTTP as clients speak it: fetch for most, a raw socket for what fetch will not send.

import { once } from "node:events";
import net from "node:net";
import type { Gateway } from "../../src/app/gateway.ts";

export const V2_JSON = "application/vnd.kafka.json.v2+json";
export const V2_BINARY = "application/vnd.kafka.binary.v2+json";
export const V2_TEXT = "application/vnd.kafka.text.v2+json";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read members freely and assert on them
  readonly body: any;
  readonly text: string;
}

/** Sends a request to a gateway; a JSON answer is parsed. */
export async function send(gateway: Gateway, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${gateway.apiUrl}${path}`, init);
  const text = await response.text();
  const json = /[/+]json/.test(response.headers.get("content-type") ?? "");
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: json ? JSON.parse(text) : undefined,
  };
}

/** Posts a body with a content type. */
export function post(
  gateway: Gateway,
  path: string,
  type: string | undefined,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return send(gateway, path, {
    method: "POST",
    body: body as string,
    headers: { ...(type === undefined ? {} : { "content-type": type }), ...headers },
  });
}

/** Writes raw bytes to a gateway's port and returns what comes back until the connection closes. */
export async function rawExchange(
  gateway: Gateway,
  bytes: string | Buffer,
  options: { end?: boolean } = {},
): Promise<string> {
  const { port, hostname } = new URL(gateway.apiUrl);
  const socket = net.connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", () => {});
  socket.write(bytes);
  if (options.end) socket.end();
  await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

/** What `GET /sinks` says of a gateway's first sink. */
// biome-ignore lint/suspicious/noExplicitAny: tests read members freely and assert on them
export async function sinkState({ adminUrl }: Pick<Gateway, "adminUrl">): Promise<any> {
  const states = (await (await fetch(`${adminUrl}/sinks`)).json()) as unknown[];
  return states[0];
}
