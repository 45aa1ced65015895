// The lines of one request on their way: cut, counted against the budget, given to the core in groups, answered in
// order. What is under way is bounded.

import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { asOnrampError, OnrampError } from "../../core/errors.ts";
import type { Draft, Receipts } from "../../core/record.ts";
import type { PacedBody } from "../body/paced-body.ts";
import { type Line, LineSplitter } from "./formats/line-splitter.ts";
import { draftOf, isBlank, problemText } from "./formats/lines.ts";
import { receiptText } from "./formats/raw.ts";
import type { ProduceDeps } from "./produce-deps.ts";

/** Bytes of one request that may be under way. */
const WINDOW = 2 * 1024 * 1024;
/** What a line costs beside its bytes, until it is answered: a line of one byte takes a few hundred. */
const LINE_COST = 512;
/** Lines that are given to the core together. */
const GROUP = 1000;
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

/** One request's lines on their way. */
export class LineStream {
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
    if (await this.#reserve(chunk.length)) await this.#submitAll(this.#splitter.push(chunk));
  }

  /** Sees to what is left when the body has ended, or was stopped. @throws what failed the request as a whole */
  async end(): Promise<void> {
    // A line that was cut off may parse all the same, as the 12 of 123: only a whole body's last line counts.
    if (!this.#body.stopped) await this.#submitAll(this.#splitter.end());
    await this.#answered;
    this.#release(this.#held);
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#res.headersSent)
      throw this.#body.stopped ?? new OnrampError(40001, "The body is empty. Send one JSON value a line.");
  }

  /** What is said behind the last answer of a request that was not read to its end. */
  lastWord(reason: OnrampError): string {
    if (reason === BAD_LINE) return "";
    this.#begin();
    const next = this.#line + 1;
    return `${problemText(reason, next, `${reason.message} Nothing from line ${next} on was written.`)}\n`;
  }

  /** @returns false when there is no room by the deadline, or the request was stopped meanwhile */
  async #reserve(bytes: number): Promise<boolean> {
    const { budget, deadlineMs } = this.#deps;
    for (const deadline = Date.now() + deadlineMs; ; await delay(BUDGET_RETRY_MS)) {
      try {
        budget.take(this.#request.client, bytes);
        this.#held += bytes;
        return this.#body.stopped === undefined;
      } catch (error) {
        if (this.#body.stopped) return false;
        if (Date.now() < deadline) continue;
        this.#body.stop(new OnrampError(asOnrampError(error).code, BUDGET_FULL));
        return false;
      }
    }
  }

  async #submitAll(lines: readonly Line[]): Promise<void> {
    for (let from = 0; from < lines.length && !this.#body.stopped; from += GROUP) {
      const group = lines.slice(from, from + GROUP);
      if (!(await this.#reserve(group.length * LINE_COST))) return;
      await this.#submit(group, from + GROUP >= lines.length);
      while (this.#underWay > WINDOW) await this.#answered;
    }
    // Nothing but a part of a line: what is held is what the splitter keeps.
    if (lines.length === 0) this.#release(this.#held - this.#underWay - this.#splitter.held);
  }

  /** @param last whether the chunk's bytes are all in these lines and those before */
  async #submit(lines: readonly Line[], last: boolean): Promise<void> {
    const { topic, beside, onError } = this.#request;
    const drafts: Draft[] = [];
    const numbers: number[] = [];
    const own = lines.reduce((sum, line) => sum + LINE_COST + (line?.length ?? 0), 0);
    const bytes = last ? this.#held - this.#underWay - this.#splitter.held : own;
    for (const line of lines) {
      this.#line++;
      if (line !== undefined && isBlank(line)) continue;
      numbers.push(this.#line);
      drafts.push(draftOf(line, beside, this.#deps.maxBody));
    }
    if (drafts.length === 0) return this.#release(bytes);
    this.#underWay += bytes;
    const deadline = Date.now() + this.#deps.deadlineMs;
    const first = !this.#res.headersSent;
    // The next group may follow once this one stands in its lanes, so that order is kept without waiting for Kafka.
    await new Promise<void>((onQueued) => {
      const receipts = this.#deps.ingest.accept(topic, drafts, { deadline, onBadRecord: onError, onQueued });
      this.#enqueue({ numbers, bytes, receipts });
      receipts.then(
        () => onQueued(),
        () => onQueued(),
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
    if (!this.#res.write(text) && !this.#res.destroyed && !this.#res.req.socket.destroyed)
      await drained(this.#res);
    if (bad && onError === "stop") this.#body.stop(BAD_LINE);
  }

  #begin(): void {
    if (!this.#res.headersSent) this.#res.writeHead(200, { "content-type": "application/x-ndjson" });
  }
}

const BUDGET_FULL = "http.budget stayed full for http.deadline; send fewer lines at once, or later.";

/** `?onError=stop` and a bad line: the line's own problem was the last word. */
const BAD_LINE = new OnrampError(40001, "A line is bad, and the request asked to stop there.");

/** Resolves when the client has read on, or has gone. A response behind another on its connection is never told that. */
function drained(res: ServerResponse): Promise<void> {
  const { socket } = res.req;
  return new Promise((resolve) => {
    const done = (): void => {
      res.off("drain", done).off("close", done);
      socket.off("close", done);
      resolve();
    };
    res.once("drain", done).once("close", done);
    socket.once("close", done);
  });
}
