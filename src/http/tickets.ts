// Serves `POST /tickets`: a token requests a ticket, with which a client that cannot send headers reads topics.

import { Router } from "express";
import { type ErrorCode, MOST_DETAILS, OnrampError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { MAX_TOPICS } from "../core/live.ts";
import { isTopicName, reservedReason } from "../core/topics.ts";
import type { Tickets } from "./auth/tickets.ts";
import type { Auth, Caller } from "./auth/tokens.ts";
import { type BodyLimits, readBody } from "./body/body.ts";
import { addressOf } from "./client-address.ts";
import { EXACT } from "./routes.ts";

export interface TicketDeps extends Pick<BodyLimits, "budget"> {
  readonly tickets: Tickets;
  readonly auth: Auth;
  readonly namespace: string;
  /** @throws OnrampError 40001 when `GET /topics/{topic}/events` would refuse the filter */
  readonly checkFilter: (source: string) => void;
}

/** The topics and the filter of a requested ticket. */
interface TicketRequest {
  readonly topics: readonly string[];
  readonly filter: string | undefined;
}

const LIMITS = { maxBody: 16 * 1024, limitName: "the limit of this route" };
const SHAPE = `The body must be {"topics":[1 to ${MAX_TOPICS} names],"filter":"JSONata, optional"}`;

/** Creates the route of tickets. It accepts tokens only, so a ticket cannot request another one. */
export function ticketRoutes({ tickets, auth, budget, namespace, checkFilter }: TicketDeps): Router {
  return Router(EXACT).post("/tickets", async (req, res) => {
    const caller = auth.caller(req.headers.authorization);
    tickets.requireSecret();
    const client = caller.name ?? addressOf(req.socket);
    const body = await readBody(req, res, client, { budget, ...LIMITS });
    let bound: TicketRequest;
    try {
      bound = ticketRequestOf(parseJson(body.bytes, "The body"));
    } finally {
      body.release();
    }
    refuseUnreadable(caller, bound.topics, namespace);
    if (bound.filter !== undefined) checkFilter(bound.filter);
    const issued = await tickets.issue(caller, bound);
    res.set("cache-control", "no-store").json(issued);
  });
}

/** @throws OnrampError 40001 that names every problem of the body */
function ticketRequestOf(body: unknown): TicketRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new OnrampError(40001, `${SHAPE}.`);
  const { topics, filter, ...rest } = body as Readonly<Record<string, unknown>>;
  const problems = [
    ...Object.keys(rest).map((name) => `the member "${name.slice(0, 60)}" is not supported`),
    ...topicProblems(topics),
    ...(filter === undefined || isText(filter) ? [] : ['"filter" must be a string that is not empty']),
  ];
  refuse(40001, `${SHAPE}: `, problems);
  return { topics: topics as string[], filter: filter as string | undefined };
}

function topicProblems(topics: unknown): string[] {
  if (!Array.isArray(topics) || topics.length === 0 || topics.length > MAX_TOPICS)
    return [`"topics" must be a list of 1 to ${MAX_TOPICS} names`];
  return topics.flatMap((topic: unknown, index) => {
    if (typeof topic !== "string" || !isTopicName(topic))
      return [
        `topics[${index}] must be a name of 1 to 249 letters, digits, dots, underscores or hyphens, other than "." and ".."`,
      ];
    return topics.indexOf(topic) < index ? [`topics[${index}], "${topic}", is given twice`] : [];
  });
}

/** A ticket is UTF-8, which would change a lone surrogate. */
const isText = (value: unknown): boolean => typeof value === "string" && value !== "" && value.isWellFormed();

/** @throws OnrampError 40301 that names every topic that the caller may not read */
function refuseUnreadable(caller: Caller, topics: readonly string[], namespace: string): void {
  const problems = topics.flatMap((topic) => {
    const reserved = reservedReason(topic, namespace);
    if (reserved !== undefined) return [reserved.replace(/\.$/, "")];
    return caller.mayRead(topic)
      ? []
      : [
          `the token "${caller.name}" may not read topic "${topic}"; the operator can add it to the token's "read" list`,
        ];
  });
  refuse(40301, "No ticket was issued: ", problems);
}

/** @throws OnrampError with all problems, if there are any */
function refuse(code: ErrorCode, intro: string, problems: readonly string[]): void {
  const [first, ...others] = problems;
  if (first === undefined) return;
  const errors = problems.slice(0, MOST_DETAILS).map((message) => ({ message }));
  const more = others.length === 0 ? "" : ` (and ${others.length} more, in errors)`;
  throw new OnrampError(code, `${intro}${first}${more}.`, { errors });
}
