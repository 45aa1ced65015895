// NDJSON: one record a line, streamed in, receipts streamed out in order. Memory stays flat however long the body is:
// what is under way is bounded, and past the bound nothing is read.

import type { IncomingMessage, ServerResponse } from "node:http";
import { OnrampError } from "../../core/errors.ts";
import { askForBody, refuseCompressed } from "../body/body.ts";
import { PacedBody } from "../body/paced-body.ts";
import { answersItself } from "../connections.ts";
import { endLater } from "../problem.ts";
import { LineStream, type LinesRequest } from "./line-stream.ts";
import type { ProduceDeps } from "./produce-deps.ts";

/** How long a client that reads no answers may hold up a stop. */
const LAST_READ_MS = 2000;
const STOPPING = "Onramp is stopping; send the lines to it, or to another, again.";

/**
 * Answers a request of lines.
 *
 * @throws OnrampError when it fails as a whole, before any line was answered
 */
export async function produceLines(
  req: IncomingMessage,
  res: ServerResponse,
  request: LinesRequest,
  deps: ProduceDeps,
): Promise<void> {
  refuseCompressed(req);
  if (deps.draining.aborted) throw new OnrampError(50301, STOPPING);
  askForBody(req, res);
  const body = new PacedBody(req);
  // Whoever reads no answers is let go: there is nothing else to wake the one who waits for that.
  const letGo = (): void => void (res.writableNeedDrain && req.socket.destroy());
  req.on("timeout", letGo);
  answersItself(res, (problem) => body.stop(problem));
  const onDrain = (): void => {
    body.stop(new OnrampError(50301, STOPPING));
    setTimeout(letGo, LAST_READ_MS).unref();
  };
  deps.draining.addEventListener("abort", onDrain);
  const stream = new LineStream(res, request, deps, body);
  try {
    for (let chunk = await body.next(); chunk; chunk = await body.next()) await stream.take(chunk);
    await stream.end();
  } finally {
    deps.draining.removeEventListener("abort", onDrain);
  }
  const stopped = body.stopped;
  if (!stopped) res.end();
  else if (req.complete) res.end(stream.lastWord(stopped));
  else {
    res.once("finish", () => req.socket.destroySoon());
    endLater(req, res, stream.lastWord(stopped));
  }
}
