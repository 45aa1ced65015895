// Serves `GET /topics/{topic}/events`: streams of the records of topics. Handled without Express, which would keep several
// objects per open stream.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { OnrampError } from "../../core/errors.ts";
import type { LiveStreams, StreamRequest } from "../../core/live.ts";
import type { TopicCatalog } from "../../core/ports.ts";
import { requireTopicName, reservedReason } from "../../core/topics.ts";
import type { Tickets } from "../auth/tickets.ts";
import type { Auth, Caller } from "../auth/tokens.ts";
import { type ErrorListener, sendProblem } from "../problem.ts";
import { ResponseOutput } from "./output.ts";
import { type EventsRequest, parseEvents } from "./request.ts";

export interface EventsDeps {
  readonly live: LiveStreams;
  readonly catalog: TopicCatalog;
  readonly auth: Auth;
  readonly tickets: Tickets;
  readonly namespace: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly report: ErrorListener;
}

/** The interval of TCP keep-alive probes, in milliseconds. */
const KEEP_ALIVE_MS = 30_000;

/** The connections that have a stream. It ends with its connection, so no answer to a later request can follow it. */
const streaming = new WeakSet<Socket>();

/** Answers a request for a stream. Does not throw. */
export async function handleEvents(
  req: IncomingMessage,
  res: ServerResponse,
  deps: EventsDeps,
): Promise<void> {
  try {
    await serve(req, res, deps);
  } catch (error) {
    sendProblem(req, res, error, deps.report);
  }
}

async function serve(req: IncomingMessage, res: ServerResponse, deps: EventsDeps): Promise<void> {
  const parsed = parseEvents(req);
  const { request, expiresAt } = await authorize(parsed, req.headers.authorization, deps);
  const headers = {
    "content-type": parsed.format.contentType,
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
  };
  if (req.method === "HEAD") {
    for (const topic of request.topics) await deps.catalog.describe(topic);
    res.writeHead(200, headers).end();
    return;
  }
  const stream = await deps.live.open(request);
  const { socket } = req;
  if (res.destroyed || socket.destroyed || socket.readableEnded || streaming.has(socket)) {
    res.destroy();
    return stream.close();
  }
  const expiry =
    expiresAt === undefined
      ? undefined
      : setTimeout(
          () =>
            stream.end(
              "ticket",
              "The ticket has expired. Request a new one with POST /tickets, and continue with ?lastEventId=.",
            ),
          Math.max(0, expiresAt - deps.now()),
        ).unref();
  // The server keeps a connection open when the client ends its side. The client of a stream has then left; without this
  // listener, only the write of a later heartbeat would fail.
  const onGone = (): void => void res.destroy();
  const onClose = (): void => {
    clearTimeout(expiry);
    socket.off("end", onGone).off("close", onClose);
    stream.close();
  };
  streaming.add(socket);
  // A response that waits for an earlier one on the same connection does not notice that the connection was closed.
  socket.once("end", onGone).once("close", onClose);
  res.once("close", onClose);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  // The answer ends with the connection: HAProxy waits 200 ms for more of a chunked answer before it sends an event.
  res.removeHeader("transfer-encoding");
  res.writeHead(200, { ...headers, connection: "close" });
  stream.start(new ResponseOutput(res));
}

/**
 * Authenticates the client by its token or its ticket, and checks that it may read every topic.
 *
 * @throws OnrampError 40101, 40301
 */
async function authorize(
  { ticket: text, ...request }: EventsRequest,
  authorization: string | undefined,
  { auth, tickets, namespace }: EventsDeps,
): Promise<{ readonly request: StreamRequest; readonly expiresAt: number | undefined }> {
  if (text === undefined) {
    checkTopics(request.topics, auth.caller(authorization), namespace);
    return { request, expiresAt: undefined };
  }
  const ticket = await tickets.open(text);
  checkTopics(request.topics, ticket.caller, namespace);
  const others = request.topics.filter((topic) => !ticket.topics.includes(topic));
  if (others.length > 0)
    throw new OnrampError(
      40301,
      `The ticket is not for topic "${others[0]}". Request one with POST /tickets that names it.`,
    );
  if (ticket.filter !== undefined && request.filter !== undefined && request.filter !== ticket.filter)
    throw new OnrampError(40301, "The ticket is for another filter. Use that filter, or leave ?filter= out.");
  return { request: { ...request, filter: request.filter ?? ticket.filter }, expiresAt: ticket.expiresAt };
}

function checkTopics(topics: readonly string[], caller: Caller, namespace: string): void {
  for (const topic of topics) {
    requireTopicName(topic);
    const reserved = reservedReason(topic, namespace);
    if (reserved !== undefined || !caller.mayRead(topic))
      throw new OnrampError(
        40301,
        reserved ??
          `The token "${caller.name}" may not read topic "${topic}"; the operator can add it to the token's "read" list.`,
      );
  }
}
