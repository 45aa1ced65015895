// The two ways to post a message to Slack, with its own clients and without their retries. Loaded where
// Slack is configured: they take time and 15 MB, of which most processes need none.

import { DeliveryError } from "../../core/sink.ts";
import { deliveringFetch, deliveryErrorIn } from "../../web/fetch.ts";

export interface Message {
  readonly text: string;
  readonly blocks?: readonly object[];
  /** Messages of one thread have the same; bot tokens only. */
  readonly thread?: string;
}

export type Destination =
  | { readonly webhookUrl: string }
  | { readonly token: string; readonly channel: string; readonly apiUrl: string };

/** Posts a message; resolves when Slack has taken it. @throws DeliveryError */
export type Poster = (message: Message, signal: AbortSignal) => Promise<void>;

/** What Slack says when it is at fault itself (https://docs.slack.dev/reference/methods/chat.postMessage/#errors). */
const SLACKS_OWN = ["internal_error", "fatal_error", "request_timeout"];
const NOT_NOW = ["ratelimited", "rate_limited", "service_unavailable"];
/** Threads whose first message is remembered, in this process. */
const THREADS = 1000;

/** @param timeoutMs for one message */
export function createPoster(destination: Destination, timeoutMs: number, now: () => number): Poster {
  return "webhookUrl" in destination
    ? viaWebhook(destination.webhookUrl, timeoutMs, now)
    : viaToken(destination, timeoutMs, now);
}

function viaWebhook(url: string, timeoutMs: number, now: () => number): Poster {
  const loaded = import("@slack/webhook");
  return async ({ text, blocks }, signal) => {
    const { IncomingWebhook } = await loaded;
    const client = new IncomingWebhook(url, {
      fetch: deliveringFetch(timeoutMs, signal, now),
      retryConfig: { retries: 0 },
    });
    await client.send({ text, ...(blocks ? { blocks: blocks as never } : {}) }).catch((thrown: unknown) => {
      signal.throwIfAborted();
      throw deliveryErrorIn(thrown) ?? thrown;
    });
  };
}

function viaToken(
  { token, channel, apiUrl }: Extract<Destination, { token: string }>,
  timeoutMs: number,
  now: () => number,
): Poster {
  const threads = new Map<string, string>();
  const loaded = import("@slack/web-api");
  return async ({ text, blocks, thread }, signal) => {
    const { WebAPIPlatformError, WebClient } = await loaded;
    const client = new WebClient(token, {
      slackApiUrl: apiUrl,
      fetch: deliveringFetch(timeoutMs, signal, now) as never,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      logger: SILENT,
    });
    const parent = thread === undefined ? undefined : threads.get(thread);
    try {
      const { ts } = await client.chat.postMessage({
        channel,
        text,
        ...(blocks ? { blocks: blocks as never } : {}),
        ...(parent ? { thread_ts: parent } : {}),
      });
      if (thread === undefined || parent !== undefined || ts === undefined) return;
      if (threads.size >= THREADS) threads.delete(threads.keys().next().value ?? "");
      threads.set(thread, ts);
    } catch (thrown) {
      signal.throwIfAborted();
      const refused = thrown instanceof WebAPIPlatformError ? refusal(thrown.data.error, thrown) : undefined;
      throw deliveryErrorIn(thrown) ?? refused ?? thrown;
    }
  };
}

function refusal(code: string, cause: unknown): DeliveryError {
  const kind = NOT_NOW.includes(code) ? "away" : SLACKS_OWN.includes(code) ? "answered" : "permanent";
  return new DeliveryError(kind, `Slack answered ${code}`, { cause });
}

/** Slack's client logs by itself, request by request; what matters is in the error. */
const SILENT = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => "error" as never,
  setName() {},
};
