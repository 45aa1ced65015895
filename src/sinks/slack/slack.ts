// Messages to Slack: each record, or each backlog of them, as one.

import { duration, string } from "../../core/options.ts";
import { DeliveryError, type OutgoingRecord, type SinkKind, type SinkSurroundings } from "../../core/sink.ts";
import { ms } from "../../core/units.ts";
import { createPoster, type Destination, type Message } from "./poster.ts";
import { escaping, type SlackExpression } from "./text.ts";

interface Options {
  readonly webhookUrl?: string;
  readonly token?: string;
  readonly channel?: string;
  readonly apiUrl: string;
  readonly text?: string;
  readonly blocks?: string;
  readonly thread?: string;
  readonly rate: number;
  readonly digest: boolean;
  readonly timeout: string;
}

export const slack: SinkKind = {
  type: "slack",
  options: {
    type: "object",
    required: ["type"],
    properties: {
      type: { const: "slack" },
      webhookUrl: string("An incoming webhook's URL. It is a secret: use ${env:NAME} or ${file:/path}.", {
        pattern: "^https?://",
      }),
      token: string("A bot token (xoxb-…), in place of webhookUrl."),
      channel: string("With token: the channel's id or name."),
      apiUrl: string("Slack's API.", { default: "https://slack.com/api/", pattern: "^https?://" }),
      text: string(
        "JSONata over the value; gives the message. What it takes from the record is escaped; $link and $mention are the author's.",
      ),
      blocks: string(
        "JSONata over the value; gives an array of Block Kit blocks. Then text is what notifications show.",
      ),
      thread: string(
        "With token: JSONata over the value; messages for which it gives the same stand in one thread.",
      ),
      rate: {
        type: "number",
        exclusiveMinimum: 0,
        maximum: 1000,
        default: 1,
        description: "Messages a second to this channel from this process; Slack takes one.",
      },
      digest: {
        type: "boolean",
        default: false,
        description: "Fold what waits into one message, as in: 37 more in the last minute.",
      },
      timeout: duration("How long one attempt may take.", "10s"),
    },
  },
  create(given, { compile, now }) {
    const options = given as unknown as Options;
    const destination = destinationOf(options);
    const expressions = expressionsOf(options, compile);
    const channel = "webhookUrl" in destination ? destination.webhookUrl : destination.channel;
    const post = createPoster(destination, ms(options.timeout), now);
    return {
      folds: options.digest,
      async deliver(records, { signal, turn }) {
        const message = await messageOf(records, expressions);
        await turn(channel, options.rate);
        await post(message, signal);
        return records.length;
      },
    };
  },
};

interface Expressions {
  readonly text: SlackExpression | undefined;
  readonly blocks: SlackExpression | undefined;
  readonly thread: SlackExpression | undefined;
}

function destinationOf({ webhookUrl, token, channel, apiUrl, thread }: Options): Destination {
  if (webhookUrl !== undefined && token === undefined && channel === undefined) {
    if (thread !== undefined)
      throw new Error("thread needs token and channel: a webhook does not tell where its message is");
    return { webhookUrl };
  }
  if (webhookUrl === undefined && token !== undefined && channel !== undefined)
    return { token, channel, apiUrl };
  throw new Error("needs either webhookUrl, or token and channel");
}

function expressionsOf(options: Options, compile: SinkSurroundings["compile"]): Expressions {
  if (options.text === undefined && options.blocks === undefined)
    throw new Error("needs text, or blocks, or both");
  const compiled = (name: "text" | "blocks" | "thread"): SlackExpression | undefined => {
    const source = options[name];
    return source === undefined ? undefined : escaping(compile(name, source));
  };
  return { text: compiled("text"), blocks: compiled("blocks"), thread: compiled("thread") };
}

/** The first record's message; what waits behind it is counted. */
async function messageOf(records: readonly OutgoingRecord[], expressions: Expressions): Promise<Message> {
  const record = records[0] as OutgoingRecord;
  const [line, blocks, thread] = [
    await expressions.text?.evaluate(record),
    await expressions.blocks?.evaluate(record),
    await expressions.thread?.evaluate(record),
  ];
  const rest = records.length > 1 ? `${records.length - 1} more in the last ${spanOf(records)}` : undefined;
  const own =
    line === undefined || line === null ? "" : typeof line === "string" ? line : JSON.stringify(line);
  if (own === "" && blocks === undefined)
    throw new DeliveryError(
      "permanent",
      "text and blocks gave nothing for this record; a filter can leave it out",
    );
  const text = [own, rest].filter(Boolean).join("\n");
  return {
    text,
    ...(blocks === undefined ? {} : { blocks: [...asBlocks(blocks), ...(rest ? [context(rest)] : [])] }),
    ...(thread === undefined || thread === null ? {} : { thread: String(thread) }),
  };
}

function asBlocks(made: unknown): object[] {
  const blocks = Array.isArray(made) ? made : [made];
  if (blocks.every((block) => typeof block === "object" && block !== null)) return blocks as object[];
  throw new DeliveryError("permanent", "blocks gave something that is no array of blocks");
}

const context = (line: string): object => ({ type: "context", elements: [{ type: "mrkdwn", text: line }] });

/** From the first record to the last, in words. */
function spanOf(records: readonly OutgoingRecord[]): string {
  const times = records.map(({ timestamp }) => timestamp);
  const seconds = Math.max(1, Math.round((Math.max(...times) - Math.min(...times)) / 1000));
  if (seconds < 90) return seconds >= 45 ? "minute" : `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}
