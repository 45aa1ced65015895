// Sends lines to a topic in one request, and reads the answer to each line while the request is open.

import type { ClientRequest, IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { messageOf, OperatorError } from "../core/errors.ts";
import { lossText, noGateway, notOnramp, type Refused, readRefusal } from "./failure.ts";
import { answerTo, type Gateway, openRequest } from "./gateway.ts";
import { LineNumbers } from "./line-numbers.ts";
import { Lines, membersOf, numberOf, stringOf } from "./lines.ts";

const NDJSON = "application/x-ndjson";
/** A gateway ends a request without traffic for 60 s. A blank line, which it ignores, keeps the request open. In milliseconds. */
const KEEP_OPEN_MS = 20_000;
/** How long the answers to sent lines may take after an interruption, in milliseconds. */
const DRAIN_MS = 10_000;

export interface ProduceRequest {
  readonly topic: string;
  /** The parameters of every record: `key`, `partition`. */
  readonly query: Readonly<Record<string, string>>;
}

export interface ProduceListener {
  /** Called with receipts, in order. The answers are not read until it resolves. */
  onReceipts(receipts: readonly Buffer[]): Promise<void>;
  /** Called for a line that was not written, or whose outcome the gateway does not know. */
  onFailure(line: number, detail: string): void;
}

/** The result of a request that has ended. */
export interface ProduceReport {
  readonly written: number;
  /** Lines that were answered with a problem, or that were sent and the gateway did not read. */
  readonly failed: number;
  /** Lines that were sent and have no answer. */
  readonly unknown: number;
  /** The unknown lines, such as "lines 3-5 and 7". */
  readonly unknownLines: string;
  /** Why the request ended before the end of the input; undefined when all of it was answered. */
  readonly reason: string | undefined;
  /** The first line that was not sent completely; undefined when all were, or when the gateway said why it stopped. */
  readonly next: number | undefined;
}

/** One request. */
export class ProduceStream {
  readonly #gateway: Gateway;
  readonly #listener: ProduceListener;
  readonly #input: Readable;
  readonly #request: ClientRequest;
  readonly #numbers = new LineNumbers();
  #written = 0;
  #failed = 0;
  #inputEnded = false;
  #isConnected = false;
  #wroteAt = Date.now();
  /** Whether the rest of the input is not read, because of a signal or of a failure of the input. */
  #isCut = false;
  #inputFault: string | undefined;
  /** The detail of the last answer; undefined when it was a receipt. */
  #lastProblem: string | undefined;
  /** The detail of a problem that belongs to no line: the gateway stopped reading. */
  #stopped: string | undefined;

  constructor(
    gateway: Gateway,
    { topic, query }: ProduceRequest,
    input: Readable,
    listener: ProduceListener,
  ) {
    this.#gateway = gateway;
    this.#listener = listener;
    this.#input = input;
    const path = `/topics/${encodeURIComponent(topic)}`;
    const headers = { "content-type": NDJSON, accept: NDJSON };
    this.#request = openRequest(gateway, { method: "POST", path, query, headers });
    this.#request.once("socket", (socket) => {
      // A TLS connection emits `connect` for TCP first.
      socket.once(gateway.url.protocol === "https:" ? "secureConnect" : "connect", () => {
        this.#isConnected = true;
      });
    });
  }

  /**
   * Sends the input to its end, or until `stop` is aborted. Called once.
   *
   * @throws OperatorError when no gateway answers
   */
  async run(stop: AbortSignal): Promise<ProduceReport> {
    const answer = answerTo(this.#request);
    this.#request.flushHeaders();
    this.#send();
    const keepOpen = setInterval(() => this.#keepOpen(), KEEP_OPEN_MS / 2);
    let late: NodeJS.Timeout | undefined;
    const onStop = (): void => {
      this.#cut();
      late = setTimeout(() => this.#request.destroy(), DRAIN_MS);
    };
    stop.addEventListener("abort", onStop, { once: true });
    try {
      const res = await answer;
      if (res.statusCode !== 200) return this.#refused(await readRefusal(res, this.#gateway));
      return await this.#readAnswers(res);
    } catch (error) {
      if (this.#isCut) return this.#report(this.#inputFault);
      if (error instanceof OperatorError) throw error;
      if (!this.#isConnected) throw new OperatorError(noGateway(this.#gateway, error));
      return this.#report(`The connection to ${this.#gateway.name} was lost: ${lossText(error)}.`);
    } finally {
      clearInterval(keepOpen);
      clearTimeout(late);
      stop.removeEventListener("abort", onStop);
      this.#detach();
      this.#request.destroy();
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#numbers.push(chunk);
    this.#wroteAt = Date.now();
    if (!this.#request.write(chunk)) this.#input.pause();
  };

  readonly #onDrain = (): void => void this.#input.resume();

  readonly #onEnd = (): void => {
    this.#inputEnded = true;
    this.#numbers.end();
    this.#request.end();
  };

  readonly #onFault = (error: unknown): void => {
    this.#inputFault = `The input cannot be read: ${messageOf(error)}.`;
    this.#cut();
  };

  #send(): void {
    this.#request.on("drain", this.#onDrain);
    this.#input.on("data", this.#onData).once("end", this.#onEnd).on("error", this.#onFault);
  }

  /** Stops reading the input. Otherwise its rest would be read and lost, or end the current line. */
  #detach(): void {
    this.#request.off("drain", this.#onDrain);
    this.#input.off("data", this.#onData).off("end", this.#onEnd).pause();
  }

  #keepOpen(): void {
    const isIdle = Date.now() - this.#wroteAt >= KEEP_OPEN_MS / 2;
    if (!isIdle || this.#numbers.isInsideLine || this.#request.writableEnded) return;
    if (this.#request.writableNeedDrain) return;
    this.#numbers.addBlank();
    this.#request.write("\n");
  }

  /** Ends the input here. An incomplete line is not written, because the connection is closed before its end. */
  #cut(): void {
    this.#isCut = true;
    this.#detach();
    if (this.#inputEnded) return;
    if (!this.#numbers.isInsideLine) this.#request.end();
    else if (this.#numbers.pending === 0) this.#request.destroy();
  }

  async #readAnswers(res: IncomingMessage): Promise<ProduceReport> {
    if (!res.headers["content-type"]?.startsWith(NDJSON))
      throw notOnramp(this.#gateway, "something that is not an answer to lines");
    const lines = new Lines();
    for await (const chunk of res as AsyncIterable<Buffer>) {
      let receipts: Buffer[] = [];
      for (const line of lines.push(chunk)) {
        const members = membersOf(line);
        if (members?.has("error_code")) {
          if (receipts.length > 0) await this.#listener.onReceipts(receipts);
          receipts = [];
          this.#onProblem(members);
        } else {
          if (!members?.has("offset")) throw new Error("an answer is neither a receipt nor a problem");
          receipts.push(line);
          this.#lastProblem = undefined;
          this.#written++;
          this.#numbers.answered();
        }
      }
      if (receipts.length > 0) await this.#listener.onReceipts(receipts);
      if (this.#stopped !== undefined) break;
      // The rest of the current line is not sent.
      if (this.#isCut && this.#numbers.isInsideLine && this.#numbers.pending === 0) break;
    }
    // The last answer of a gateway that stops reading may have the number of a line that was sent.
    if (this.#numbers.pending > 0) this.#stopped ??= this.#lastProblem;
    const isWhole = this.#inputEnded || this.#isCut;
    return this.#report(
      this.#stopped ?? this.#inputFault ?? (isWhole ? undefined : "The gateway ended the request."),
    );
  }

  #onProblem(members: ReadonlyMap<string, Buffer>): void {
    const detail = stringOf(members.get("detail")) ?? "The gateway gave no reason.";
    this.#lastProblem = detail;
    const oldest = this.#numbers.oldest;
    const line = numberOf(members.get("line")) ?? 0;
    if (oldest?.atGateway === line) {
      this.#numbers.answered();
      this.#failed++;
      this.#listener.onFailure(oldest.line, detail);
    } else this.#stopped = detail.replaceAll(`Line ${line}`, `Line ${line - this.#numbers.added}`);
  }

  #refused(refusal: Refused): ProduceReport {
    const isEmpty = refusal.status === 400 && this.#numbers.sent === 0 && !this.#numbers.isInsideLine;
    if (isEmpty) return this.#report(undefined);
    if (refusal.isNotWritten) this.#stopped = refusal.message;
    return this.#report(refusal.message);
  }

  #report(reason: string | undefined): ProduceReport {
    // When a gateway says why it stopped, it has not read the lines without an answer.
    const isKnown = this.#stopped !== undefined;
    const { pending, text, current } = this.#numbers;
    return {
      written: this.#written,
      failed: this.#failed + (isKnown ? pending : 0),
      unknown: isKnown ? 0 : pending,
      unknownLines: text,
      reason,
      next: this.#inputEnded || isKnown ? undefined : current,
    };
  }
}
