// The sink kind `slack`: sends one message per record, or one message for all pending records.

import { adapterKind, requireAll } from "../../core/adapter.ts";
import {
  boolean,
  duration,
  expression,
  number,
  object,
  oneOf,
  string,
  token,
  url,
  type ValueOf,
} from "../../core/options.ts";
import type { Sink } from "../../core/sink.ts";
import { ms } from "../../core/units.ts";
import { environmentProxy } from "../../web/agent.ts";
import { type Expressions, messageOf } from "./message.ts";
import { createPoster, type Destination } from "./poster.ts";
import { escaping, type SlackExpression } from "./text.ts";

const options = object({
  webhookUrl: url("The URL of an incoming webhook. It is a secret: use ${env:NAME} or ${file:/path}."),
  token: token("A bot token (xoxb-…), instead of webhookUrl."),
  channel: string("With token: the id or the name of the channel."),
  apiUrl: url("The URL of Slack's API.", { default: "https://slack.com/api/" }),
  text: expression(
    "JSONata over the value; returns the text of the message. Strings from the record are escaped; $link and $mention create links and mentions.",
  ),
  blocks: expression(
    "JSONata over the value; returns an array of Block Kit blocks. If blocks is set, text is shown in notifications.",
  ),
  thread: expression(
    "With token: JSONata over the value. Messages with the same result are posted to one thread.",
  ),
  rate: number(
    "The maximum number of messages per second from this process to the channel; Slack accepts one per second.",
    {
      default: 1,
      exclusiveMinimum: 0,
      maximum: 1000,
    },
  ),
  digest: boolean(
    "Send all pending records as one message, with a line such as: 37 more in the last minute.",
    {
      default: false,
    },
  ),
  timeout: duration("How long one attempt may take.", { default: "10s" }),
  onRevoked: oneOf(
    ["hold", "dead-letter"],
    "What happens when Slack refuses the URL, the token, the channel or the workspace (for example with no_service). hold: the sink keeps the record, is reported as blocked, and tries again about once a minute. dead-letter: the record becomes a dead letter at once.",
    { default: "hold" },
  ),
});

export const slack = adapterKind({
  type: "slack",
  options,
  create(given, { compile, now }): Sink {
    const [destination, expressions] = requireAll(
      () => destinationOf(given),
      () => expressionsOf(given, compile),
      () => environmentProxy(new URL(given.webhookUrl ?? given.apiUrl)),
    );
    const channel = "webhookUrl" in destination ? destination.webhookUrl : destination.channel;
    const { timeout, onRevoked } = given;
    const post = createPoster(destination, { timeoutMs: ms(timeout), onRevoked, now });
    const batches: Sink = {
      async deliverBatch(records, { cancel, turn }) {
        const message = await messageOf(records, expressions);
        await turn(channel, given.rate);
        await post(message, cancel);
        return records.length;
      },
    };
    const records: Sink = {
      async deliver(record, attempt) {
        await batches.deliverBatch([record], attempt);
      },
    };
    return given.digest ? batches : records;
  },
});

type SlackOptions = ValueOf<typeof options>;

function destinationOf({ webhookUrl, token, channel, apiUrl, thread }: SlackOptions): Destination {
  if (webhookUrl !== undefined && token === undefined && channel === undefined) {
    if (thread !== undefined)
      throw new Error(
        "thread needs token and channel: an incoming webhook does not return the ids of its messages",
      );
    return { webhookUrl };
  }
  if (webhookUrl === undefined && token !== undefined && channel !== undefined)
    return { token, channel, apiUrl };
  throw new Error("needs either webhookUrl, or token and channel");
}

function expressionsOf(
  { text, blocks, thread }: SlackOptions,
  compile: (option: string, source: string) => Parameters<typeof escaping>[0],
): Expressions {
  if (text === undefined && blocks === undefined) throw new Error("needs text, or blocks, or both");
  const compiled = (name: string, source: string | undefined): SlackExpression | undefined =>
    source === undefined ? undefined : escaping(compile(name, source));
  return {
    text: compiled("text", text),
    blocks: compiled("blocks", blocks),
    thread: compiled("thread", thread),
  };
}
