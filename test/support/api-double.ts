// An HTTP API whose answers the test gives: it can stall, hang up, and see every request.

import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { after, before } from "mocha";
import { afterTest } from "./after-test.ts";

/** A request that the API received. */
export interface ApiCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

/** An answer; `cut`: the connection is closed after the body; `hang`: there is none. */
export interface ApiReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A value that is neither a string nor a Buffer is sent as JSON. */
  readonly body?: unknown;
  readonly cut?: boolean;
  readonly hang?: boolean;
}

/** Answers a request. A function that receives the response itself returns undefined. */
export type ApiScript = (
  call: ApiCall,
  res: http.ServerResponse,
) => ApiReply | undefined | Promise<ApiReply | undefined>;

export interface ApiDouble {
  readonly url: string;
  readonly calls: ApiCall[];
  answer: ApiScript;
  close(): Promise<void>;
}

/** Starts an API on a free port; it is stopped after the test. */
export async function startApi(answer: ApiScript): Promise<ApiDouble> {
  const double = await openApi(answer);
  afterTest(double.close);
  return double;
}

/** An API for a suite: started before it, stopped after. */
export function useApi(answer: ApiScript): () => ApiDouble {
  let double: ApiDouble | undefined;
  before(async () => {
    double = await openApi(answer);
  });
  after(() => double?.close());
  return () => {
    if (!double) throw new Error("the API has not started");
    return double;
  };
}

/** As `startApi`, but the caller closes it. @param tls serves https; the URLs of calls then have the host of the request */
export async function openApi(answer: ApiScript, tls?: https.ServerOptions): Promise<ApiDouble> {
  const onRequest = async (req: http.IncomingMessage, res: http.ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const call: ApiCall = {
      method: req.method ?? "",
      url: new URL(req.url ?? "/", tls ? `https://${req.headers.host}` : double.url),
      headers: req.headers,
      body: Buffer.concat(chunks).toString(),
      at: Date.now(),
    };
    double.calls.push(call);
    const reply = await double.answer(call, res);
    if (reply === undefined || reply.hang) return;
    const { status = 200, headers = {}, body, cut } = reply;
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(textOf(body));
    res.writeHead(status, cut ? { "content-length": String(bytes.length + 10), ...headers } : headers);
    if (!cut) return void res.end(bytes);
    res.write(bytes, () => res.socket?.destroy());
  };
  const server = tls ? https.createServer(tls, onRequest) : http.createServer(onRequest);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const double: ApiDouble = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    answer,
    close,
  };
  return double;
}

const textOf = (body: unknown): string =>
  typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
