// Implements one connection to one broker: TCP or TLS, ApiVersions, SASL, correlation ids, timeouts. It never
// reconnects and never retries. After any error it closes, and every pending request fails with a `BrokerGone` that
// says whether the request may have reached the broker. docs/adr/0002 explains why kafkajs is not used for this.

import type net from "node:net";
import type { Api, ApiName } from "../../wire/codec.ts";
import { FrameSplitter } from "../../wire/frame.ts";
import { encodeRequest } from "../../wire/message.ts";
import { ApiVersions } from "../../wire/messages/cluster.ts";
import { BrokerGone, BrokerRefused, LoginFailed } from "./errors.ts";
import { exchange } from "./exchange.ts";
import { OfferedVersions } from "./offered-versions.ts";
import { authenticate, type SaslOptions } from "./sasl.ts";
import { openSocket, type SocketOptions } from "./socket.ts";
import type { ThrottleLimit } from "./throttle.ts";

/** The client id in all requests. */
export const CLIENT_ID = "onramp";
const CHECK_PORT = "check the port in kafka.brokers, and whether the broker requires TLS (kafka.tls)";
const CLOSED_EARLY = ` before the login; ${CHECK_PORT}`;
/** The largest accepted response of any API, in bytes. */
const MAX_FRAME = 128 * 1024 * 1024;
/** The maximum size of a response whose correlation id is unknown, in bytes. Any such response closes the connection. */
const UNASKED = 1024;

export interface ConnectionOptions extends SocketOptions {
  readonly sasl?: SaslOptions | undefined;
  /** Shared by the connections of a cluster. Default: one that logs nothing. */
  readonly throttle?: ThrottleLimit | undefined;
}

interface PendingRequest {
  readonly resolve: (frame: Buffer) => void;
  readonly reject: (error: BrokerGone) => void;
  readonly timer: NodeJS.Timeout;
  /** The largest accepted response, in bytes. */
  readonly maxResponse: number;
}

/** An open, authenticated connection. */
export class Connection {
  readonly #socket: net.Socket;
  readonly #name: string;
  /** Limits the throttle times in responses; see `exchange`. */
  readonly throttle: ThrottleLimit | undefined;
  readonly #splitter = new FrameSplitter(MAX_FRAME, (id) => this.#pending.get(id)?.maxResponse ?? UNASKED);
  readonly #pending = new Map<number, PendingRequest>();
  readonly #versions: OfferedVersions;
  readonly #onClose: (() => void)[] = [];
  #correlationId = 0;
  #usedAt = Date.now();
  #isSetUp = false;
  #answered = false;
  #closed: BrokerGone | undefined;
  #expiresAt = Number.POSITIVE_INFINITY;

  private constructor(socket: net.Socket, name: string, throttle: ThrottleLimit | undefined) {
    this.#socket = socket;
    this.#name = name;
    this.throttle = throttle;
    this.#versions = new OfferedVersions(name);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.close(`the connection to ${name} failed`, error));
    socket.on("close", () => this.close(`${name} closed the connection${this.#isSetUp ? "" : CLOSED_EARLY}`));
  }

  /**
   * Connects and authenticates.
   *
   * @throws BrokerGone when the broker cannot be reached or does not answer in time, BrokerRefused when the broker
   * rejects a request or the credentials
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const name = `${options.host}:${options.port}`;
    const deadline = Date.now() + options.connectTimeoutMs;
    const socket = await openSocket(options, name);
    const connection = new Connection(socket, name, options.throttle);
    try {
      const left = (): number => Math.max(1, deadline - Date.now());
      await connection.#readVersions(left());
      connection.#versions.checkNeeded();
      if (options.sasl) {
        const lifetime = await authenticate(connection, options.sasl, left());
        // Kafka closes a session after connections.max.reauth.ms. A new connection is simpler than KIP-368.
        if (lifetime > 0) connection.#expiresAt = Date.now() + lifetime * 0.85;
      }
      // The broker may have sent more than the answer, after which the connection is closed.
      if (connection.#closed) throw connection.#closed;
      connection.#isSetUp = true;
      connection.#answered = false;
      return connection;
    } catch (error) {
      connection.close(`the connection to ${name} could not be set up`, error);
      if (error instanceof BrokerGone || error instanceof BrokerRefused) throw error;
      throw new LoginFailed(name, error);
    }
  }

  /** `host:port` of the broker. */
  get address(): string {
    return this.#name;
  }

  /** True when the broker has answered a request after the login. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Why the connection is closed; undefined while it is open. */
  get closeReason(): string | undefined {
    return this.#closed?.message;
  }

  /** True when the SASL session ends soon: new requests then need a new connection. */
  get expired(): boolean {
    return Date.now() >= this.#expiresAt;
  }

  /** The time since the last request or response, in milliseconds; 0 while a request is pending. */
  get idleMs(): number {
    return this.#pending.size > 0 ? 0 : Date.now() - this.#usedAt;
  }

  /** Calls `listener` when the connection closes. */
  onClose(listener: () => void): void {
    this.#onClose.push(listener);
  }

  /**
   * Sends one request and returns the response.
   *
   * @param timeoutMs the connection is closed when the broker does not answer in this time, in milliseconds, so that a
   * late response cannot arrive
   * @param version see `version`
   * @throws as `exchange`
   */
  request<Q, R>(api: Api<Q, R>, version: number, body: Q, timeoutMs: number): Promise<R> {
    const correlationId = this.nextCorrelationId();
    const frame = encodeRequest(api, version, { correlationId, clientId: CLIENT_ID }, body);
    return exchange(this, api, version, { frame, correlationId, timeoutMs });
  }

  /**
   * Sends a complete frame and returns the frame of the response.
   *
   * @param correlationId the correlation id in `frame`
   * @param timeoutMs as in `request`
   * @param maxResponse the largest accepted response, in bytes. Default: 128 MB
   * @throws BrokerGone when the connection is lost or times out
   */
  send(
    frame: Buffer,
    correlationId: number,
    timeoutMs: number,
    maxResponse: number = MAX_FRAME,
  ): Promise<Buffer> {
    if (this.#closed) return Promise.reject(new BrokerGone(this.#closed.message, { sent: false }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#onTimer(correlationId, timeoutMs), timeoutMs);
      this.#usedAt = Date.now();
      this.#pending.set(correlationId, { resolve, reject, timer, maxResponse });
      this.#socket.write(frame);
    });
  }

  /** Returns the correlation id for the next frame of `send`. */
  nextCorrelationId(): number {
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff;
    return this.#correlationId;
  }

  /**
   * Returns the highest version of an API that both Onramp and the broker support.
   *
   * @param atMost a lower limit than that of `api.versions`
   * @throws BrokerRefused, with the name of the API, when they have no version in common
   */
  version(api: ApiName, atMost?: number): number {
    return this.#versions.of(api, atMost);
  }

  /** Whether the broker supports an API in a version that Onramp supports. */
  supports(api: ApiName): boolean {
    return this.#versions.supports(api);
  }

  /** Closes the connection. Pending requests fail with `BrokerGone`. */
  close(reason = "Onramp closed the connection", cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = new BrokerGone(reason, { sent: true, cause });
    this.#rejectPending(this.#closed);
  }

  /** After a stall of the process, a response that arrived in time is read before its request counts as timed out. */
  #onTimer(correlationId: number, timeoutMs: number): void {
    setImmediate(() => {
      if (this.#pending.has(correlationId)) this.#onTimeout(timeoutMs);
    });
  }

  #onTimeout(timeoutMs: number): void {
    if (this.#closed) return;
    const reason = `${this.#name} did not answer within ${timeoutMs} ms`;
    this.#closed = new BrokerGone(reason, { sent: true, timedOut: true });
    this.#rejectPending(this.#closed);
  }

  #rejectPending(reason: BrokerGone): void {
    this.#socket.destroy();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const request of pending) {
      clearTimeout(request.timer);
      request.reject(reason);
    }
    for (const listener of this.#onClose) listener();
  }

  #receive(chunk: Buffer): void {
    this.#usedAt = Date.now();
    let frames: Buffer[];
    try {
      frames = this.#splitter.push(chunk);
    } catch (error) {
      this.close(`${this.#name} sent data that is not a Kafka response; ${CHECK_PORT}`, error);
      return;
    }
    for (const frame of frames) {
      const correlationId = frame.readInt32BE(0);
      const request = this.#pending.get(correlationId);
      if (!request) {
        this.close(`${this.#name} answered a request that was not sent`);
        return;
      }
      this.#pending.delete(correlationId);
      clearTimeout(request.timer);
      this.#answered = true;
      request.resolve(frame);
    }
  }

  async #readVersions(timeoutMs: number): Promise<void> {
    const answer = await this.request(ApiVersions, 0, { software: "", softwareVersion: "" }, timeoutMs);
    if (answer.errorCode !== 0)
      throw new BrokerRefused(`requesting the API versions of ${this.#name}`, answer.errorCode);
    this.#versions.set(answer.apiKeys);
  }
}
