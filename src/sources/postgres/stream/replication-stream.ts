// The replication stream of one connection: START_REPLICATION, its messages, and the status updates that acknowledge them.
// https://www.postgresql.org/docs/current/protocol-replication.html

import type { Socket } from "node:net";
import { FrameBuffer } from "./frame-buffer.ts";
import { maxLsn } from "./lsn.ts";

/** The number of bytes after which the socket is paused. */
const MAX_WAITING = 4 * 1024 * 1024;

const [COPY_DATA, COPY_BOTH, COPY_DONE, COMPLETE, ERROR, READY] = [0x64, 0x57, 0x63, 0x43, 0x45, 0x5a];
const [XLOG_DATA, KEEPALIVE] = [0x77, 0x6b];
/** Where the message of the output plugin begins in a frame. */
export const MESSAGE_AT = 30;
/** The size of a keepalive message with its code and its length. */
const KEEPALIVE_BYTES = 23;
/** A position whose high half is smaller is exact as a number. */
const EXACT_HIGH = 2 ** 21;
/** The number of microseconds from 1970 to 2000, where PostgreSQL's time begins. */
export const POSTGRES_EPOCH_US = 946_684_800_000_000n;

/** An error that the server sent. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  /** The SQLSTATE. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A message of the stream. */
export interface StreamedChange {
  /** The position of the change in the write-ahead log, in decimal digits. */
  readonly lsn: string;
  /** Contains the message of the output plugin, from `MESSAGE_AT` on. */
  readonly frame: Buffer;
}

/** The stream of one connection. Has at most `MAX_WAITING` bytes and one message in memory. */
export class ReplicationStream {
  readonly #socket: Socket;
  readonly #frames = new FrameBuffer();
  #failure: Error | undefined;
  #wake: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #started: { resolve(): void; reject(error: Error): void } | undefined;
  /** The position up to which the server has sent all changes. */
  receivedLsn = 0n;
  /** The position up to which the changes are committed in Kafka. */
  #acked = 0n;
  /** Set when the server asks for an answer; the caller resets it. */
  isAnswerWanted = false;
  /** When something arrived last (`Date.now`). */
  arrivedAt = Date.now();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.arrivedAt = Date.now();
      this.#frames.push(chunk);
      if (this.#started) this.#readStart();
      if (this.#frames.bytes > MAX_WAITING) socket.pause();
      this.#wake();
    });
    // An end without an error is a failure as well: the server disconnects a client that it no longer hears.
    const end = (error?: unknown): void =>
      this.#fail(error instanceof Error ? error : new Error("PostgreSQL closed the replication connection"));
    socket
      .on("end", end)
      .on("close", () => end())
      .on("error", end);
    socket.resume();
  }

  /**
   * Starts the replication.
   *
   * @param acked the position that is acknowledged until `ack` is called
   * @param statusMs the interval of status updates, in milliseconds
   * @throws ServerError
   */
  async start(command: string, acked: bigint, statusMs: number): Promise<void> {
    this.#acked = acked;
    const started = new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject };
    });
    const text = Buffer.from(`${command}\0`);
    const head = Buffer.from("Q\0\0\0\0", "latin1");
    head.writeUInt32BE(4 + text.length, 1);
    this.#socket.write(Buffer.concat([head, text]));
    if (this.#failure) throw this.#failure;
    await started;
    // A timer, because the server disconnects a client that sends nothing, also while the client reads nothing.
    this.#timer = setInterval(() => this.sendStatus(), statusMs);
  }

  /** Returns the next change that has arrived; undefined when none has. @throws the failure of the stream, after its changes */
  next(): StreamedChange | undefined {
    for (;;) {
      const frame = this.#frame();
      if (!frame) {
        if (this.#failure) throw this.#failure;
        return undefined;
      }
      const change = this.#read(frame);
      if (change) return change;
    }
  }

  /** Resolves when something has arrived, when the stream has failed, or when `wake` is called. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#failure || this.#frames.hasFrame) resolve();
    });
  }

  wake(): void {
    this.#wake();
  }

  /** The error that the server sent; undefined when it sent none. */
  get serverError(): ServerError | undefined {
    return this.#failure instanceof ServerError ? this.#failure : undefined;
  }

  /** Whether nothing is read from the connection, because enough has arrived. */
  get isPaused(): boolean {
    return this.#socket.isPaused();
  }

  get ackedLsn(): bigint {
    return this.#acked;
  }

  /** Acknowledges all changes before a position: the server can then remove them. */
  ack(lsn: bigint): void {
    this.#acked = maxLsn(this.#acked, lsn);
    this.sendStatus();
  }

  /** @param wantsAnswer whether the server must answer */
  sendStatus(wantsAnswer = false): void {
    if (!this.#socket.writable || this.#started) return;
    const status = Buffer.alloc(39);
    status.writeUInt8(COPY_DATA, 0);
    status.writeUInt32BE(38, 1);
    status.write("r", 5, "latin1");
    status.writeBigUInt64BE(maxLsn(this.receivedLsn, this.#acked), 6);
    status.writeBigUInt64BE(this.#acked, 14);
    status.writeBigUInt64BE(this.#acked, 22);
    status.writeBigInt64BE(BigInt(Date.now()) * 1000n - POSTGRES_EPOCH_US, 30);
    status.writeUInt8(wantsAnswer ? 1 : 0, 38);
    this.#socket.write(status);
  }

  /** Ends the stream. The last status is sent before. */
  close(): void {
    clearInterval(this.#timer);
    this.#failure ??= new Error("the replication stream was closed");
    if (this.#socket.writable) {
      this.sendStatus();
      this.#socket.end(Buffer.from("c\0\0\0\x04X\0\0\0\x04", "latin1"));
    }
    this.#socket.resume().destroySoon();
    this.#wake();
  }

  #read(frame: Buffer): StreamedChange | undefined {
    const code = frame[0];
    if (code === ERROR) {
      this.#fail(serverError(frame));
      return undefined;
    }
    if (code === COPY_DONE) {
      this.#fail(new Error("PostgreSQL ended the replication stream"));
      return undefined;
    }
    if (code !== COPY_DATA) return undefined;
    const least = frame[5] === XLOG_DATA ? MESSAGE_AT : frame[5] === KEEPALIVE ? KEEPALIVE_BYTES : 0;
    if (frame.length < least) {
      this.#fail(new Error("PostgreSQL sent an incomplete message of the replication stream"));
      return undefined;
    }
    if (frame[5] === XLOG_DATA) return { lsn: decimalLsn(frame, 6), frame };
    if (frame[5] === KEEPALIVE) {
      this.receivedLsn = maxLsn(this.receivedLsn, frame.readBigUInt64BE(6));
      if (frame[22] === 1) {
        this.isAnswerWanted = true;
        this.sendStatus();
      }
    }
    return undefined;
  }

  /** Reads the responses to the command until the stream begins. */
  #readStart(): void {
    for (let frame = this.#frame(); frame; frame = this.#frame()) {
      const code = frame[0];
      if (code === ERROR) return this.#fail(serverError(frame));
      if (code === COMPLETE || code === READY)
        return this.#fail(new Error("PostgreSQL did not start the stream"));
      if (code !== COPY_BOTH) continue;
      const { resolve } = this.#started ?? {};
      this.#started = undefined;
      resolve?.();
      return;
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    clearInterval(this.#timer);
    this.#started?.reject(this.#failure);
    this.#started = undefined;
    this.#wake();
  }

  /** Takes the next complete message, with its code and its length. */
  #frame(): Buffer | undefined {
    const frame = this.#frames.next();
    // A message may be larger than the bytes that are read ahead.
    if ((!frame || this.#frames.bytes < MAX_WAITING / 2) && this.#socket.isPaused()) {
      // Silence counts from here.
      this.arrivedAt = Date.now();
      this.#socket.resume();
    }
    return frame;
  }
}

/** Reads a position as decimal digits. A bigint per change would have a measurable cost. */
function decimalLsn(frame: Buffer, at: number): string {
  const high = frame.readUInt32BE(at);
  return high < EXACT_HIGH
    ? `${high * 2 ** 32 + frame.readUInt32BE(at + 4)}`
    : `${frame.readBigUInt64BE(at)}`;
}

/** Decodes an ErrorResponse: fields of a code and a text. */
function serverError(frame: Buffer): ServerError {
  const fields = new Map<string, string>();
  for (const field of frame.subarray(5).toString("utf8").split("\0"))
    if (field) fields.set(field.slice(0, 1), field.slice(1));
  return new ServerError(fields.get("C") ?? "XX000", fields.get("M") ?? "unknown error");
}
