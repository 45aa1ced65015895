// Posts messages to Slack, through an incoming webhook or with a bot token. Uses Slack's clients without
// their retries. The clients are loaded only if a Slack sink is configured, because they take time to load
// and 15 MB of memory.

import { cleaner } from "../../web/excerpt.ts";
import { boundedFetch } from "../../web/fetch.ts";
import { createRefusals, type SlackAnswer } from "./refusals.ts";

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

/** The maximum number of threads whose first message this process remembers. */
const MAX_THREADS = 1000;

export interface PosterOptions {
  /** For one message. */
  readonly timeoutMs: number;
  readonly onRevoked: "hold" | "dead-letter";
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function createPoster(destination: Destination, options: PosterOptions): Poster {
  return "webhookUrl" in destination
    ? viaWebhook(destination.webhookUrl, options)
    : viaToken(destination, options);
}

function viaWebhook(url: string, { timeoutMs, onRevoked, now }: PosterOptions): Poster {
  const loaded = import("@slack/webhook");
  const refusals = createRefusals(onRevoked, cleaner(new URL(url), []));
  return async ({ text, blocks }, cancel) => {
    const { IncomingWebhook } = await loaded;
    const client = new IncomingWebhook(url, {
      fetch: boundedFetch({ receiver: "Slack", timeoutMs, cancel, now }),
      retryConfig: { retries: 0 },
    });
    const sent = await client
      .send({ text, ...(blocks ? { blocks: blocks as never } : {}) })
      .catch((thrown: unknown) => {
        cancel.throwIfAborted();
        throw refusals.errorIn(thrown) ?? thrown;
      });
    // An incoming webhook answers "ok"; the webhook of a workflow answers as a method of the API does.
    if (sent.text.trim() === "ok") return;
    const answer = refusals.parse(sent.text);
    if (!answer.ok) throw refusals.errorOf(answer);
  };
}

function viaToken(
  { token, channel, apiUrl }: Extract<Destination, { token: string }>,
  { timeoutMs, onRevoked, now }: PosterOptions,
): Poster {
  const threads = new Map<string, string>();
  const loaded = import("@slack/web-api");
  const refusals = createRefusals(onRevoked, cleaner(new URL(apiUrl), [token]));
  return async ({ text, blocks, thread }, cancel) => {
    const { WebClient } = await loaded;
    const bounded = boundedFetch({ receiver: "Slack", timeoutMs, cancel, now });
    /** @returns the id of the message @throws DeliveryError */
    const post = async (parent: string | undefined): Promise<string | undefined> => {
      let answer: SlackAnswer | undefined;
      const client = new WebClient(token, {
        slackApiUrl: apiUrl,
        fetch: (async (...request: Parameters<typeof fetch>) => {
          const response = await bounded(...request);
          answer = refusals.parse(await response.clone().text());
          return response;
        }) as never,
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
        logger: SILENT,
      });
      const content = { text, ...(blocks ? { blocks: blocks as never } : {}) };
      try {
        await client.chat.postMessage({ channel, ...content, ...(parent ? { thread_ts: parent } : {}) });
      } catch (thrown) {
        // The client also throws for valid answers, such as one with `"response_metadata":null`: the answer decides.
        if (!answer) {
          cancel.throwIfAborted();
          throw refusals.errorIn(thrown) ?? thrown;
        }
      }
      if (!answer || answer.ok) return typeof answer?.ts === "string" ? answer.ts : undefined;
      // The first message of the thread was deleted.
      if (parent === undefined || answer.error !== "thread_not_found") throw refusals.errorOf(answer);
      threads.delete(thread ?? "");
      return post(undefined);
    };
    const ts = await post(thread === undefined ? undefined : threads.get(thread));
    if (thread === undefined || threads.has(thread) || ts === undefined) return;
    if (threads.size >= MAX_THREADS) threads.delete(threads.keys().next().value ?? "");
    threads.set(thread, ts);
  };
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
