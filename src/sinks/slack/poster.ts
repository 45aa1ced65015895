// Posts messages to Slack, through an incoming webhook or with a bot token. Uses Slack's clients without
// their retries. The clients are loaded only if a Slack sink is configured, because they take time to load
// and 15 MB of memory.

import { DeliveryError } from "../../core/sink.ts";
import { boundedFetch } from "../../web/fetch.ts";
import { deliveryErrorIn, throwDelivery } from "../parts/http.ts";

export interface Message {
  readonly text: string;
  readonly blocks?: readonly object[];
  /** Messages with the same value are posted to one thread; with a bot token only. */
  readonly thread?: string;
}

export type Destination =
  | { readonly webhookUrl: string }
  | { readonly token: string; readonly channel: string; readonly apiUrl: string };

/** Posts a message; resolves when Slack has accepted it. @throws DeliveryError */
export type Poster = (message: Message, cancel: AbortSignal) => Promise<void>;

/**
 * Error codes for failures in Slack itself
 * (https://docs.slack.dev/reference/methods/chat.postMessage/#errors).
 */
const SLACK_FAILED = ["internal_error", "fatal_error", "request_timeout"];
/** Error codes with which Slack asks for a pause. */
const SLACK_BUSY = ["ratelimited", "rate_limited", "service_unavailable"];
/** The maximum number of threads whose first message this process remembers. */
const MAX_THREADS = 1000;

/** @param timeoutMs for one message @param now milliseconds since 1970 */
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
      if (threads.size >= MAX_THREADS) threads.delete(threads.keys().next().value ?? "");
      threads.set(thread, ts);
    } catch (thrown) {
      cancel.throwIfAborted();
      const refused = thrown instanceof WebAPIPlatformError ? refusal(thrown.data.error, thrown) : undefined;
      throw deliveryErrorIn(thrown) ?? refused ?? thrown;
    }
  };
}

function refusal(code: string, cause: unknown): DeliveryError {
  const kind = SLACK_BUSY.includes(code) ? "away" : SLACK_FAILED.includes(code) ? "answered" : "permanent";
  return new DeliveryError(kind, `Slack answered ${code}`, { cause });
}

/** Disables the log of Slack's client; the errors that it throws are sufficient. */
const SILENT = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => "error" as never,
  setName() {},
};
