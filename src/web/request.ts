// Sends HTTP requests with a body, and reuses connections. Does not follow redirects.

import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { LONGEST_TIMER_MS } from "../core/time.ts";
import { RefusedAddress } from "./address-policy.ts";
import { TunnelAgent } from "./agent.ts";
import { cleaner } from "./excerpt.ts";
import { badAnswer, HttpFailure, NOT_HTTP, noAnswer, ProxyRefused, TunnelFailed } from "./failure.ts";

/** The bytes of an answer that are read for an error, and the time for them in milliseconds. */
const ERROR_BYTES = 8192;
const ERROR_MS = 1000;
/** A complete answer is read up to this size, in bytes. No receiver has a reason to send more. */
const MOST_BYTES = 1024 * 1024;

export interface OutgoingRequest {
  /** The name of the receiver in errors. */
  readonly receiver: string;
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly timeoutMs: number;
  /** Resolves the host; see `addressPolicy`. Not used through a proxy. */
  readonly lookup?: LookupFunction;
  readonly agent: http.Agent;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Further secrets that errors must not contain even if the receiver repeats them; see `cleaner`. Default: none. */
  readonly secrets?: readonly string[];
}

/** A complete answer. */
export interface Answer {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Sends the request. Resolves as soon as the status is 2xx; discards the rest of the answer.
 *
 * @throws HttpFailure, ProxyRefused, RefusedAddress, the reason of `cancel`
 */
export function send(request: OutgoingRequest, cancel: AbortSignal): Promise<void> {
  return run(request, cancel, async (res) => {
    res.on("error", () => {});
    // Reads and discards the body, until the time limit, so that the connection can be reused.
    res.resume();
  });
}

/** Sends the request. Resolves with the complete answer when the status is 2xx. @throws as `send` */
export function exchange(request: OutgoingRequest, cancel: AbortSignal): Promise<Answer> {
  return run(request, cancel, async (res) => {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of res as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MOST_BYTES) break;
    }
    return { headers: res.headers, body: Buffer.concat(chunks) };
  });
}

/** How `run` treats a response. */
interface Handling {
  /** Whether `read` receives the response; otherwise its status is an error. Default: only a status of 2xx. */
  readonly accepts?: (status: number) => boolean;
  /** Whether the time limit ends with the header of the response. Default: it also holds for the body. */
  readonly headerOnly?: boolean;
}

/** Sends the request, and resolves with the result of `read`. @throws as `send` */
export function run<T>(
  { receiver, url, method, headers, body, timeoutMs, lookup, agent, now, secrets = [] }: OutgoingRequest,
  cancel: AbortSignal,
  read: (res: http.IncomingMessage) => Promise<T>,
  { accepts = isSuccess, headerOnly = false }: Handling = {},
): Promise<T> {
  const timeLimit = new AbortController();
  const { signal: late } = timeLimit;
  const timer = setTimeout(() => timeLimit.abort(), Math.min(timeoutMs, LONGEST_TIMER_MS)).unref();
  const signal = AbortSignal.any([cancel, late]);
  const clean = (text: string): string => cleaner(url, secrets, headers)(text);
  return new Promise<T>((resolve, reject) => {
    const through = agent instanceof TunnelAgent ? " through the proxy" : "";
    const fail = (cause: unknown): void => {
      if (cancel.aborted) return reject(cancel.reason);
      const known = [RefusedAddress, HttpFailure, ProxyRefused].some((kind) => cause instanceof kind);
      reject(known ? cause : noAnswer(receiver, cause, late, timeoutMs, through));
    };
    let isRefused = false;
    /** Called for an error of the connection; after a status other than 2xx, that status is the error. */
    const onError = (cause: unknown): void => {
      if (!isRefused || cancel.aborted) fail(cause);
    };
    // A request without a connection, such as one that waits for a proxy, does not emit an error when it is aborted.
    signal.addEventListener("abort", () => onError(signal.reason), { once: true });
    const isBare = body.length === 0 && method === "GET";
    const all = isBare ? headers : { ...headers, "content-length": String(body.length) };
    const options = { method, agent, signal, headers: all, ...(lookup ? { lookup } : {}) };
    const module = url.protocol === "https:" ? https : http;
    const req = module.request(url, options, (res) => {
      const { statusCode = 0 } = res;
      if (headerOnly) clearTimeout(timer);
      else res.once("close", () => clearTimeout(timer));
      if (accepts(statusCode)) return void read(res).then(resolve, fail);
      isRefused = true;
      void beginningOf(res).then((text) =>
        fail(badAnswer(receiver, statusCode, res.headers["retry-after"], now, text, clean)),
      );
    });
    req.on("upgrade", ({ statusCode = 101 }, socket) => {
      socket.destroy();
      fail(badAnswer(receiver, statusCode, undefined, now, "", clean));
    });
    req.on("proxyConnect", ({ statusCode }: { readonly statusCode: number }) => {
      if (statusCode === 200) return;
      fail(isStatus(statusCode) ? new ProxyRefused(receiver, statusCode) : new TunnelFailed(NOT_HTTP));
    });
    req.on("error", onError);
    req.end(body);
  });
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;
const isStatus = (value: number): boolean => Number.isInteger(value) && value >= 100 && value <= 599;

/** Reads the beginning of an answer; after that, its rest is discarded. Returns what arrived if the answer is cut. */
function beginningOf(res: http.IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (): void => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).subarray(0, ERROR_BYTES).toString("utf8"));
    };
    const timer = setTimeout(end, ERROR_MS);
    res.on("data", (chunk: Buffer) => {
      if (length < ERROR_BYTES) chunks.push(chunk);
      length += chunk.length;
      if (length >= ERROR_BYTES) end();
    });
    res.on("error", end).on("close", end);
  });
}
