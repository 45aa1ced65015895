// Serves NDJSON requests: one record per line. Reads lines and writes receipts as streams, in order. Memory
// is limited for a body of any length: when too many bytes are in flight, reading pauses.

import type { IncomingMessage, ServerResponse } from "node:http";
import { OnrampError } from "../../core/errors.ts";
import { refuseCodings, sendContinue } from "../body/body.ts";
import { PacedBody } from "../body/paced-body.ts";
import { setFailureHandler } from "../connections.ts";
import { endAfterBody } from "../problem.ts";
import { LineStream, type LinesRequest } from "./line-stream.ts";
import type { ProduceDeps } from "./produce-deps.ts";

/** How long a client that does not read its receipts can delay a stop. */
const MAX_STALL_MS = 2000;
const STOPPING = "Onramp is stopping. Send the remaining lines again, to this or another instance.";

/**
 * Answers an NDJSON request.
 *
 * @throws OnrampError when the request fails as a whole, before any line was answered
 */
export async function produceLines(
  req: IncomingMessage,
  res: ServerResponse,
  request: LinesRequest,
  deps: ProduceDeps,
): Promise<void> {
  refuseCodings(req);
  if (deps.draining.aborted) throw new OnrampError(50301, STOPPING);
  sendContinue(req, res);
  const body = new PacedBody(req);
  // A client that does not read its receipts blocks the stream; only closing its connection ends the wait.
  const closeStalled = (): void => void (res.writableNeedDrain && req.socket.destroy());
  req.on("timeout", closeStalled);
  const onDrain = (): void => {
    body.stop(new OnrampError(50301, STOPPING));
    setTimeout(closeStalled, MAX_STALL_MS).unref();
  };
  deps.draining.addEventListener("abort", onDrain);
  const stream = new LineStream(res, request, deps, body);
  setFailureHandler(res, { onFailure: (problem) => body.stop(problem), waitsSince: () => stream.waitsSince });
  try {
    for (let chunk = await body.next(); chunk; chunk = await body.next()) await stream.write(chunk);
    await stream.end();
  } finally {
    deps.draining.removeEventListener("abort", onDrain);
  }
  const stopped = body.stopped;
  if (!stopped) res.end();
  else if (req.complete) res.end(stream.finalLine(stopped));
  else {
    res.once("finish", () => req.socket.destroySoon());
    endAfterBody(req, res, stream.finalLine(stopped));
  }
}
