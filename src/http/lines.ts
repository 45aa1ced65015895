// NDJSON: one record a line, streamed in, receipts streamed out in order. Memory stays flat however long the body is:
// what is under way is bounded, and past the bound nothing is read.

import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { asOnrampError, OnrampError } from "../core/errors.ts";
import type { Draft, Receipts } from "../core/record.ts";
import { askForBody, refuseCompressed } from "./body.ts";
import { type Line, LineSplitter } from "./formats/line-splitter.ts";
import { receiptText } from "./formats/raw.ts";
import { PacedBody } from "./paced-body.ts";
import { endLater, problemBody } from "./problem.ts";
import type { ProduceDeps } from "./produce.ts";

/** Bytes of one request that may be under way. */
const WINDOW = 1024 * 1024;
const BUDGET_RETRY_MS = 20;

export interface LinesRequest {
  readonly topic: string;
  /** What query and headers say of every record. */
  readonly beside: Draft;
  /** `stop`: nothing behind the first bad line is read. */
  readonly onError: "continue" | "stop";
  /** Whose share of the budget it takes. */
  readonly client: string;
}

/** Lines that were given to the core together, by their numbers. */
interface Group {
  readonly numbers: readonly number[];
  readonly bytes: number;
  readonly receipts: Promise<Receipts>;
}

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
  askForBody(req, res);
  const body = new PacedBody(req);
  const onDrain = (): void => body.stop(new OnrampError(50301, "Onramp is stopping."));
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

/** One request's lines on their way. */
class LineStream {
  readonly #res: ServerResponse;
  readonly #request: LinesRequest;
  readonly #deps: ProduceDeps;
  readonly #body: PacedBody;
  readonly #splitter: LineSplitter;
  #line = 0;
  #underWay = 0;
  /** Bytes taken from the budget. */
  #held = 0;
  #answered: Promise<void> = Promise.resolve();
  #failure: OnrampError | undefined;

  constructor(res: ServerResponse, request: LinesRequest, deps: ProduceDeps, body: PacedBody) {
    this.#res = res;
    this.#request = request;
    this.#deps = deps;
    this.#body = body;
    this.#splitter = new LineSplitter(deps.maxBody);
  }

  /** Takes a chunk of the body; resolves when there is room for another. */
  async take(chunk: Buffer): Promise<void> {
    await this.#reserve(chunk.length);
    if (this.#body.stopped) return;
    await this.#submit(this.#splitter.push(chunk));
    while (this.#underWay > WINDOW) await this.#answered;
  }

  /** Sees to what is left when the body has ended, or was stopped. @throws what failed the request as a whole */
  async end(): Promise<void> {
    // A line that was cut off may parse all the same, as the 12 of 123: only a whole body's last line counts.
    if (!this.#body.stopped) await this.#submit(this.#splitter.end());
    await this.#answered;
    this.#release(this.#held);
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#res.headersSent && !this.#body.stopped)
      throw new OnrampError(40001, "The body is empty. Send one JSON value a line.");
  }

  /** What is said behind the last answer of a request that was not read to its end. */
  lastWord(reason: OnrampError): string {
    if (reason === BAD_LINE) return "";
    this.#begin();
    const next = this.#line + 1;
    return `${problemText(reason, next, `${reason.message} Nothing from line ${next} on was written.`)}\n`;
  }

  async #reserve(bytes: number): Promise<void> {
    const { budget, deadlineMs } = this.#deps;
    for (const deadline = Date.now() + deadlineMs; ; await delay(BUDGET_RETRY_MS)) {
      try {
        budget.take(this.#request.client, bytes);
        this.#held += bytes;
        return;
      } catch (error) {
        if (Date.now() < deadline && !this.#body.stopped) continue;
        return this.#body.stop(asOnrampError(error));
      }
    }
  }

  async #submit(lines: readonly Line[]): Promise<void> {
    const { topic, beside, onError } = this.#request;
    const drafts: Draft[] = [];
    const numbers: number[] = [];
    const bytes = this.#held - this.#underWay - this.#splitter.held;
    for (const line of lines) {
      this.#line++;
      if (line?.length === 0) continue;
      numbers.push(this.#line);
      drafts.push(draftOf(line, beside, this.#deps.maxBody));
    }
    if (drafts.length === 0) return this.#release(bytes);
    this.#underWay += bytes;
    const deadline = Date.now() + this.#deps.deadlineMs;
    const first = !this.#res.headersSent;
    // The next group may follow once this one stands in its lanes, so that order is kept without waiting for Kafka.
    await new Promise<void>((entered) => {
      const receipts = this.#deps.ingest.accept(topic, drafts, { deadline, each: onError, entered });
      this.#enqueue({ numbers, bytes, receipts });
      receipts.then(
        () => entered(),
        () => entered(),
      );
    });
    // Not before its outcome is known may another follow the first: it decides whether the request fails as a whole.
    if (first) await this.#answered;
  }

  #enqueue(group: Group): void {
    this.#answered = this.#answered
      .then(() => this.#answer(group))
      .catch((error: unknown) => this.#body.stop(asOnrampError(error)))
      .finally(() => {
        this.#underWay -= group.bytes;
        this.#release(group.bytes);
      });
  }

  #release(bytes: number): void {
    this.#held -= bytes;
    this.#deps.budget.give(this.#request.client, bytes);
  }

  async #answer({ numbers, receipts: promised }: Group): Promise<void> {
    const { topic, onError } = this.#request;
    let text = "";
    let bad = false;
    try {
      const receipts = await promised;
      for (let n = 0; n < receipts.count; n++) {
        const error = receipts.errors?.[n];
        if (error) bad = true;
        text += error ? problemText(error, numbers[n] as number) : receiptText(topic, receipts, n);
        text += "\n";
      }
    } catch (error) {
      const failed = asOnrampError(error);
      if (!this.#res.headersSent) {
        this.#failure = failed;
        return this.#body.stop(failed);
      }
      bad = true;
      for (const number of numbers) text += `${problemText(failed, number)}\n`;
    }
    this.#begin();
    if (!this.#res.write(text) && !this.#res.destroyed) await drained(this.#res);
    if (bad && onError === "stop") this.#body.stop(BAD_LINE);
  }

  #begin(): void {
    if (!this.#res.headersSent) this.#res.writeHead(200, { "content-type": "application/x-ndjson" });
  }
}

/** `?onError=stop` and a bad line: the line's own problem was the last word. */
const BAD_LINE = new OnrampError(40001, "A line is bad, and the request asked to stop there.");

function draftOf(line: Line, { key, headers, partition, timestamp }: Draft, maxLine: number): Draft {
  if (line !== undefined)
    return { key, value: line, headers, partition, timestamp, parsed: undefined, json: "The line" };
  const fault = new OnrampError(41301, `The line is larger than ${maxLine} bytes (http.maxBody).`);
  return { key, value: null, headers, partition, timestamp, fault };
}

/** Resolves when the client has read on, or has gone. */
function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.off("drain", done).off("close", done);
      resolve();
    };
    res.once("drain", done).once("close", done);
  });
}

const problemText = (error: OnrampError, line: number, detail = error.message): string =>
  JSON.stringify({ ...problemBody(error), detail, message: detail, line });
