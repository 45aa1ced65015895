// The source kind `x`: posts of X that match a search (API v2, recent search). A preset of `http-poll`.

import { adapterKind } from "../core/adapter.ts";
import { duration, number, object, oneOf, string, url } from "../core/options.ts";
import type { Source } from "../core/source.ts";
import { createPoller } from "./http-poll/http-poll.ts";
import type { PollOptions } from "./http-poll/poll-plan.ts";
import type { PollState } from "./http-poll/poll-state.ts";

/** The posts per page: the API allows 10 to 100. */
const [FEWEST_POSTS, MOST_POSTS] = [10, 100];

export const x = adapterKind({
  type: "x",
  options: object({
    topic: string("The topic of the posts.", { required: true }),
    query: string("The search, see X's documentation of queries.", { required: true }),
    bearerToken: string("The Bearer token of the app.", { required: true }),
    itemsPerDay: number("The maximum number of posts that are read in any 24 hours. X bills every post.", {
      type: "integer",
      minimum: FEWEST_POSTS,
      required: true,
    }),
    itemsPerMonth: number("As itemsPerDay, in any 31 days.", { type: "integer", minimum: FEWEST_POSTS }),
    interval: duration("The time from the start of one poll to the start of the next.", { default: "1m" }),
    from: oneOf(
      ["start", "now"],
      "What the first poll does. start: it writes the posts of the last seven days, from the newest, within itemsPerDay. now: it only notes the newest posts.",
      { default: "start" },
    ),
    fields: string("The fields of a post (tweet.fields).", { default: "author_id,created_at,lang" }),
    expansions: string(
      "Objects that the API adds to the posts (expansions), such as author_id. X bills them. A post then has the members author and media. Default: none.",
    ),
    callsPerSecond: number(
      "The maximum number of calls per second. The default is the limit of 450 calls per 15 minutes.",
      {
        exclusiveMinimum: 0,
        default: 0.5,
      },
    ),
    quota: string(
      "Sources that name the same quota share their limits, and run on the same replica. Use one quota per app.",
    ),
    url: url("The URL of the API.", { default: "https://api.x.com/2/tweets/search/recent" }),
  }),
  create({ query, bearerToken, fields, expansions, url: base, ...options }, context): Source<PollState> {
    const { itemsPerDay, itemsPerMonth = itemsPerDay } = options;
    const posts = Math.min(MOST_POSTS, itemsPerDay, itemsPerMonth);
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
