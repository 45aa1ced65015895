// The two ways to post a message to Slack, with Slack's own clients and without their retries. The clients are loaded
// only where Slack is configured: they take time and 15 MB.

import { DeliveryError } from "../../core/sink.ts";
import { boundedFetch } from "../../web/fetch.ts";
import { deliveryErrorIn, throwDelivery } from "../parts/http.ts";

export interface Message {
  readonly text: string;
  readonly blocks?: readonly object[];
  /** Messages with the same value go to one thread; bot tokens only. */
  readonly thread?: string;
}

export type Destination =
  | { readonly webhookUrl: string }
  | { readonly token: string; readonly channel: string; readonly apiUrl: string };

/** Posts a message; resolves when Slack has accepted it. @throws DeliveryError */
export type Poster = (message: Message, cancel: AbortSignal) => Promise<void>;

/** Errors of Slack's own side (https://docs.slack.dev/reference/methods/chat.postMessage/#errors). */
const SLACK_FAILED = ["internal_error", "fatal_error", "request_timeout"];
const NOT_NOW = ["ratelimited", "rate_limited", "service_unavailable"];
/** The number of threads whose first message this process remembers. */
const THREADS = 1000;

/** @param timeoutMs for one message */
export function createPoster(destination: Destination, timeoutMs: number, now: () => number): Poster {
  return "webhookUrl" in destination
    ? viaWebhook(destination.webhookUrl, timeoutMs, now)
    : viaToken(destination, timeoutMs, now);
}

function viaWebhook(url: string, timeoutMs: number, now: () => number): Poster {
  const loaded = import("@slack/webhook");
  return async ({ text, blocks }, cancel) => {
    const { IncomingWebhook } = await loaded;
    const client = new IncomingWebhook(url, {
      fetch: boundedFetch({ receiver: "Slack", timeoutMs, cancel, now }),
      retryConfig: { retries: 0 },
    });
    await client.send({ text, ...(blocks ? { blocks: blocks as never } : {}) }).catch((thrown: unknown) => {
      cancel.throwIfAborted();
      throwDelivery(thrown);
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
  return async ({ text, blocks, thread }, cancel) => {
    const { WebAPIPlatformError, WebClient } = await loaded;
    const client = new WebClient(token, {
      slackApiUrl: apiUrl,
      fetch: boundedFetch({ receiver: "Slack", timeoutMs, cancel, now }) as never,
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
      cancel.throwIfAborted();
      const refused = thrown instanceof WebAPIPlatformError ? refusal(thrown.data.error, thrown) : undefined;
      throw deliveryErrorIn(thrown) ?? refused ?? thrown;
    }
  };
}

function refusal(code: string, cause: unknown): DeliveryError {
  const kind = NOT_NOW.includes(code) ? "away" : SLACK_FAILED.includes(code) ? "answered" : "permanent";
  return new DeliveryError(kind, `Slack answered ${code}`, { cause });
}

/** Slack's client logs every request; the error says what matters. */
const SILENT = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => "error" as never,
  setName() {},
};
