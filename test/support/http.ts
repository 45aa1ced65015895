// HTTP clients: fetch for most requests, a raw socket for requests that fetch cannot send.

import { once } from "node:events";
import net from "node:net";
import type { Gateway } from "../../src/app/gateway.ts";
import { afterTest } from "./after-test.ts";
import { until } from "./until.ts";

export const V2_JSON = "application/vnd.kafka.json.v2+json";
export const NDJSON = "application/x-ndjson";
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
export async function send(
  { apiUrl }: Pick<Gateway, "apiUrl">,
  path: string,
  init: RequestInit = {},
): Promise<Answer> {
  const response = await fetch(`${apiUrl}${path}`, init);
  const text = await response.text();
  const json = /[/+]json/.test(response.headers.get("content-type") ?? "");
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: json && text !== "" ? JSON.parse(text) : undefined,
  };
}

/** Posts a body with a content type. */
export function post(
  gateway: Pick<Gateway, "apiUrl">,
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

/** Writes raw bytes to a gateway's port and returns the response until the connection closes. */
export async function rawExchange(
  gateway: Pick<Gateway, "apiUrl">,
  bytes: string | Buffer,
  options: { end?: boolean } = {},
): Promise<string> {
  const socket = await connect(gateway);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  if (options.end) socket.end();
  await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

/** A raw connection to a gateway's API; it ends after the test. */
export async function connect({ apiUrl }: Pick<Gateway, "apiUrl">): Promise<net.Socket> {
  const { port, hostname } = new URL(apiUrl);
  const socket = net.connect(Number(port), hostname).on("error", () => {});
  afterTest(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** The state of the first sink in `GET /sinks`. */
// biome-ignore lint/suspicious/noExplicitAny: tests read members freely and assert on them
export async function sinkState({ adminUrl }: Pick<Gateway, "adminUrl">): Promise<any> {
  const states = (await (await fetch(`${adminUrl}/sinks`)).json()) as unknown[];
  return states[0];
}

/** The text of `GET /metrics`. */
export async function metrics({ adminUrl }: Pick<Gateway, "adminUrl">): Promise<string> {
  return (await fetch(`${adminUrl}/metrics`)).text();
}

/** The value of one metric; undefined when it is absent. @param labels in the order of the scrape */
export async function metric(
  gateway: Pick<Gateway, "adminUrl">,
  name: string,
  labels: Readonly<Record<string, string | number>> = {},
): Promise<number | undefined> {
  const list = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const series = list.length > 0 ? `${name}{${list.join(",")}} ` : `${name} `;
  const line = (await metrics(gateway)).split("\n").find((each) => each.startsWith(series));
  return line === undefined ? undefined : Number(line.slice(series.length));
}

/** The status of `GET /readyz`; undefined when nothing answers. */
export async function readyStatus({ adminUrl }: Pick<Gateway, "adminUrl">): Promise<number | undefined> {
  return (await fetch(`${adminUrl}/readyz`).catch(() => undefined))?.status;
}

/** What `GET /readyz` says of Kafka. */
export async function kafkaDetail({ adminUrl }: Pick<Gateway, "adminUrl">): Promise<string> {
  const { parts } = (await (await fetch(`${adminUrl}/readyz`)).json()) as {
    parts: { kafka: { detail: string } };
  };
  return parts.kafka.detail;
}

/** Resolves when the gateway is ready to produce. */
export function untilReady(gateway: Pick<Gateway, "adminUrl">): Promise<void> {
  return until(async () => (await readyStatus(gateway)) === 200);
}

/** The bytes that the gateway counts against its budget. */
export const inFlight = (gateway: Pick<Gateway, "adminUrl">) => metric(gateway, "onramp_in_flight_bytes");
