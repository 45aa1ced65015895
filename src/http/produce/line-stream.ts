// Processes the lines of one NDJSON request: splits them, counts them against the budget, submits them in
// groups, and answers them in order. The bytes in flight are limited.

import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { RECORD_OVERHEAD } from "../../core/budget.ts";
import { asOnrampError, OnrampError } from "../../core/errors.ts";
import type { Draft, Receipts } from "../../core/record.ts";
import type { PacedBody } from "../body/paced-body.ts";
import { drained } from "./drained.ts";
import { type Line, LineSplitter } from "./formats/line-splitter.ts";
import { draftOf, isBlank, problemText } from "./formats/lines.ts";
import { receiptText } from "./formats/raw.ts";
import type { ProduceDeps } from "./produce-deps.ts";
import { SenderFaults } from "./sender-faults.ts";

/** The maximum number of bytes per request that are submitted and not answered. */
const MAX_IN_FLIGHT = 2 * 1024 * 1024;
/** The number of lines that are submitted together: at first, and at most. */
const FIRST_GROUP = 16;
const MAX_GROUP = 1000;
const BUDGET_RETRY_MS = 20;

export interface LinesRequest {
  readonly topic: string;
  /** The key, headers, partition and timestamp of every record, from the query and the headers. */
  readonly base: Draft;
  /** `stop`: reading stops after the first bad line. */
  readonly onError: "continue" | "stop";
  /** The client whose share of the budget the lines are taken from. */
  readonly client: string;
}

/** Lines that were submitted together. */
interface Group {
  /** The line numbers, from 1. */
  readonly numbers: readonly number[];
  readonly bytes: number;
  readonly receipts: Promise<Receipts>;
}

/** The stream of lines of one request. */
export class LineStream {
  readonly #res: ServerResponse;
  readonly #request: LinesRequest;
  readonly #deps: ProduceDeps;
  readonly #body: PacedBody;
  readonly #splitter: LineSplitter;
  #line = 0;
  #groupSize = FIRST_GROUP;
  /** The bytes of lines that are submitted and not answered. */
  #inFlight = 0;
  /** The bytes taken from the budget. */
  #taken = 0;
  /** Resolves when all groups up to now are answered. */
  #answered: Promise<void> = Promise.resolve();
  #failure: OnrampError | undefined;
  /** The number of chunks of the body that were written. */
  #chunks = 0;
  readonly #faults = new SenderFaults();

  constructor(res: ServerResponse, request: LinesRequest, deps: ProduceDeps, body: PacedBody) {
    this.#res = res;
    this.#request = request;
    this.#deps = deps;
    this.#body = body;
    this.#splitter = new LineSplitter(deps.maxBody);
  }

  /** Processes a chunk of the body. Resolves when the stream can accept the next chunk. */
  async write(chunk: Buffer): Promise<void> {
    if (!(await this.#reserve(chunk.length))) return;
    const lines = this.#splitter.push(chunk);
    const chunks = this.#body.chunks - this.#chunks;
    this.#chunks += chunks;
    this.#stopFor(this.#faults.countPart(chunk.length, chunks, lines.length, this.#splitter.held));
    await this.#submitAll(lines);
  }

  /** As `FailureHandler.waitsSince`: while a line is not complete, its rest is expected. */
  get waitsSince(): number | undefined {
    return this.#body.isWaiting ? this.#faults.lineSince : undefined;
  }

  /**
   * Submits the last line and waits for all responses. Called when the body has ended or was stopped.
   *
   * @throws OnrampError when the request failed as a whole, before any line was answered
   */
  async end(): Promise<void> {
    // A truncated line can be valid JSON, such as 12 of 123, so the last line counts only in a complete body.
    if (!this.#body.stopped) await this.#submitAll(this.#splitter.end());
    await this.#answered;
    this.#release(this.#taken);
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#res.headersSent)
      throw this.#body.stopped ?? new OnrampError(40001, "The body is empty. Send one JSON value per line.");
  }

  /** @returns the last line of the response to a request that was not read to its end */
  finalLine(reason: OnrampError): string {
    if (reason === BAD_LINE) return "";
    this.#begin();
    const next = this.#line + 1;
    return `${problemText(reason, next, `${reason.message} Line ${next} and the lines after it were not written.`)}\n`;
  }

  /**
   * Takes bytes from the budget.
   *
   * @returns false when the deadline passed first, or the request was stopped
   */
  async #reserve(bytes: number): Promise<boolean> {
    const { budget, deadlineMs } = this.#deps;
    for (const deadline = Date.now() + deadlineMs; ; await delay(BUDGET_RETRY_MS)) {
      try {
        budget.take(this.#request.client, bytes);
        this.#taken += bytes;
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
    for (let from = 0; from < lines.length && !this.#body.stopped; ) {
      const group = lines.slice(from, from + this.#groupSize);
      from += group.length;
      if (!(await this.#reserve(group.length * RECORD_OVERHEAD))) return;
      await this.#submit(group, from >= lines.length);
      while (this.#inFlight > MAX_IN_FLIGHT) await this.#answered;
    }
    // The chunk contains no end of a line: only the bytes that the splitter holds remain taken.
    if (lines.length === 0) this.#release(this.#taken - this.#inFlight - this.#splitter.held);
  }

  /** Submits lines as one group. @param last whether no further lines of the chunk follow */
  async #submit(lines: readonly Line[], last: boolean): Promise<void> {
    const { topic, base, onError } = this.#request;
    const drafts: Draft[] = [];
    const numbers: number[] = [];
    const own = lines.reduce((sum, line) => sum + RECORD_OVERHEAD + (line?.length ?? 0), 0);
    const bytes = last ? this.#taken - this.#inFlight - this.#splitter.held : own;
    for (const line of lines) {
      this.#line++;
      if (line !== undefined && isBlank(line)) continue;
      numbers.push(this.#line);
      drafts.push(draftOf(line, base, this.#deps.maxBody));
    }
    if (drafts.length === 0) return this.#release(bytes);
    this.#inFlight += bytes;
    const began = performance.now();
    const { ingest, deadlineMs } = this.#deps;
    const first = !this.#res.headersSent;
    // The first group decides whether the request fails as a whole.
    const options = {
      deadline: Date.now() + deadlineMs,
      appendMs: deadlineMs,
      onBadRecord: onError,
      checksTopic: first,
    };
    // The next group follows when this group is queued: this keeps the order without waiting for Kafka.
    await new Promise<void>((onQueued) => {
      const receipts = ingest.accept(topic, drafts, { ...options, onQueued });
      this.#enqueue({ numbers, bytes, receipts });
      receipts.then(
        () => onQueued(),
        () => onQueued(),
      );
    });
    this.#adapt(lines.length, performance.now() - began);
    // The next group waits for this decision.
    if (first) await this.#answered;
  }

  /**
   * Adapts the size of the next group to the time until this one was queued, so that slow key expressions and schemas do
   * not delay the responses of many lines.
   */
  #adapt(size: number, ms: number): void {
    const { deadlineMs } = this.#deps;
    if (ms > deadlineMs / 8) this.#groupSize = Math.max(1, Math.floor(this.#groupSize / 2));
    else if (ms < deadlineMs / 20 && size >= this.#groupSize)
      this.#groupSize = Math.min(MAX_GROUP, this.#groupSize * 2);
  }

  #enqueue(group: Group): void {
    this.#answered = this.#answered
      .then(() => this.#answer(group))
      .catch((error: unknown) => this.#body.stop(asOnrampError(error)))
      .finally(() => {
        this.#inFlight -= group.bytes;
        this.#release(group.bytes);
      });
  }

  #release(bytes: number): void {
    this.#taken -= bytes;
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
        this.#stopFor(this.#faults.countLine(error, numbers[n] as number));
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

  #stopFor(reason: OnrampError | undefined): void {
    if (reason) this.#body.stop(reason);
  }

  #begin(): void {
    if (!this.#res.headersSent) this.#res.writeHead(200, { "content-type": "application/x-ndjson" });
  }
}

const BUDGET_FULL =
  "http.budget remained full until http.deadline. Send fewer lines at the same time, or try again later.";

/** The reason to stop for `?onError=stop`. The response already ends with the problem of the bad line. */
const BAD_LINE = new OnrampError(40001, "A line was refused, and onError is stop.");
