// The source kind `x`: posts of X that match a search (API v2, recent search). A preset of `http-poll`.

import { adapterKind } from "../core/adapter.ts";
import { duration, number, object, oneOf, string, token, url } from "../core/options.ts";
import type { Source } from "../core/source.ts";
import { createPoller } from "./http-poll/http-poll.ts";
import type { PollOptions } from "./http-poll/poll-plan.ts";
import type { PollState } from "./http-poll/poll-state.ts";

/** The posts per page: the API allows 10 to 100. */
const [MIN_POSTS, MAX_POSTS] = [10, 100];

export const x = adapterKind({
  type: "x",
  options: object({
    topic: string("The topic of the posts.", { required: true }),
    query: string("The search query, in the syntax of X's documentation.", { required: true }),
    bearerToken: token("The Bearer token of the app.", { required: true }),
    itemsPerDay: number("The maximum number of posts that are read in any 24 hours. X bills every post.", {
      type: "integer",
      minimum: MIN_POSTS,
      required: true,
    }),
    itemsPerMonth: number("The maximum number of posts that are read in any 31 days.", {
      type: "integer",
      minimum: MIN_POSTS,
    }),
    interval: duration("The time from the start of one poll to the start of the next.", { default: "1m" }),
    from: oneOf(
      ["start", "now"],
      "What the first poll does. start: it writes the posts of the last seven days, the newest first, within itemsPerDay. now: it writes none, and remembers the ids of the newest page.",
      { default: "start" },
    ),
    fields: string("The fields of a post (tweet.fields), separated by commas. author_id is the key.", {
      default: "author_id,created_at,lang",
    }),
    expansions: string(
      "Related objects that the API returns (expansions), separated by commas, such as author_id. X bills them. The members author and media are added to each post. Default: none.",
    ),
    callsPerSecond: number(
      "The maximum number of calls per second. The default is X's limit of 450 calls per 15 minutes per app.",
      {
        exclusiveMinimum: 0,
        default: 0.5,
      },
    ),
    quota: string(
      "The name of a quota. Sources with the same name share their limits, and run on the same replica. Sources of the same app must have the same quota.",
    ),
    url: url("The URL of the API.", { default: "https://api.x.com/2/tweets/search/recent" }),
  }),
  create({ query, bearerToken, fields, expansions, url: base, ...options }, context): Source<PollState> {
    const { itemsPerDay, itemsPerMonth = itemsPerDay } = options;
    const posts = Math.min(MAX_POSTS, itemsPerDay, itemsPerMonth);
    const target = new URL(base);
    const parameters = {
      query,
      max_results: String(posts),
      "tweet.fields": fields,
      ...(expansions ? { expansions } : {}),
    };
    for (const [name, value] of Object.entries(parameters)) target.searchParams.set(name, value);
    const poll = {
      ...options,
      url: `${target.href}&since_id={cursor}&next_token={page}`,
      method: "GET",
      headers: { authorization: `Bearer ${bearerToken}` },
      items: expansions ? EXPANDED : "data",
      id: "id",
      key: "author_id",
      cursor: "meta.newest_id",
      next: '{"page": meta.next_token}',
      order: "newest-first",
      expired: { status: 400, when: "$contains($string($), 'since_id')" },
      failure: FAILURE,
      timeout: "30s",
      maxResponse: "10MB",
      maxPages: 1000,
      dedupe: 1000,
      itemsPerCall: posts,
    };
    return createPoller(poll as unknown as PollOptions, context);
  },
});

/** The posts, each with its author and its media from `includes`. */
const EXPANDED = `($all := includes; data.($post := $; $merge([$post, {
  "author": $all.users[id = $post.author_id],
  "media": [$all.media[media_key in $post.attachments.media_keys]]
}])))`;

/** X answers 429 with the time of the reset, in seconds since 1970, and no Retry-After. */
const FAILURE =
  "$status = 429 and $exists($headers.`x-rate-limit-reset`) ? $max([1, $number($headers.`x-rate-limit-reset`) - $millis() / 1000])";
