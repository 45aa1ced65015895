// Implements one connection to one broker: TCP or TLS, ApiVersions, SASL, correlation ids, timeouts. It never
// reconnects and never retries. After any error it closes, and every pending request fails with a `BrokerGone` that
// says whether the request may have reached the broker. docs/adr/0002 explains why kafkajs is not used for this.

import type net from "node:net";
import { type Api, type ApiName, highestCommon } from "../../wire/codec.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { FrameSplitter } from "../../wire/frame.ts";
import { decodeResponse, encodeRequest } from "../../wire/message.ts";
import { ApiVersions, InitProducerId, Metadata } from "../../wire/messages/cluster.ts";
import { Produce } from "../../wire/messages/produce.ts";
import { BrokerGone, BrokerRefused, LoginFailed } from "./errors.ts";
import { authenticate, type SaslOptions } from "./sasl.ts";
import { openSocket, type SocketOptions } from "./socket.ts";

/** The client id in all requests. */
export const CLIENT_ID = "onramp";
/** The APIs without which Onramp cannot produce. */
const NEEDED = [Metadata, Produce, InitProducerId];
const CHECK_PORT = "check the port in kafka.brokers, and whether the broker requires TLS (kafka.tls)";
const CLOSED_EARLY = ` before the login; ${CHECK_PORT}`;
/** The largest accepted response, in bytes. A broker's default limit for a Fetch response is 55 MB. */
const MAX_FRAME = 128 * 1024 * 1024;

export interface ConnectionOptions extends SocketOptions {
  readonly sasl?: SaslOptions | undefined;
}

interface PendingRequest {
  readonly resolve: (frame: Buffer) => void;
  readonly reject: (error: BrokerGone) => void;
  readonly timer: NodeJS.Timeout;
}

/** An open, authenticated connection. */
export class Connection {
  readonly #socket: net.Socket;
  readonly #name: string;
  readonly #splitter = new FrameSplitter(MAX_FRAME);
  readonly #pending = new Map<number, PendingRequest>();
  readonly #versions = new Map<number, { min: number; max: number }>();
  readonly #onClose: (() => void)[] = [];
  #correlationId = 0;
  #usedAt = Date.now();
  #isSetUp = false;
  #answered = false;
  #closed: BrokerGone | undefined;
  #expiresAt = Number.POSITIVE_INFINITY;

  private constructor(socket: net.Socket, name: string) {
    this.#socket = socket;
    this.#name = name;
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
    const connection = new Connection(socket, name);
    try {
      const left = (): number => Math.max(1, deadline - Date.now());
      await connection.#readVersions(left());
      for (const api of NEEDED) connection.version(api);
      if (options.sasl) {
        const lifetime = await authenticate(connection, options.sasl, left());
        // Kafka closes a session after connections.max.reauth.ms. A new connection is simpler than KIP-368.
        if (lifetime > 0) connection.#expiresAt = Date.now() + lifetime * 0.85;
      }
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
   * @param version a version that the broker supports; see `version`
   * @throws BrokerGone when the connection is lost or times out
   */
  async request<Q, R>(api: Api<Q, R>, version: number, body: Q, timeoutMs: number): Promise<R> {
    const correlationId = this.nextCorrelationId();
    const frame = encodeRequest(api, version, { correlationId, clientId: CLIENT_ID }, body);
    return decodeResponse(api, version, await this.send(frame, correlationId, timeoutMs));
  }

  /**
   * Sends a complete frame and returns the frame of the response.
   *
   * @param correlationId the correlation id in `frame`
   * @param timeoutMs as in `request`
   * @throws BrokerGone when the connection is lost or times out
   */
  send(frame: Buffer, correlationId: number, timeoutMs: number): Promise<Buffer> {
    if (this.#closed) return Promise.reject(new BrokerGone(this.#closed.message, { sent: false }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#onTimer(correlationId, timeoutMs), timeoutMs);
      this.#usedAt = Date.now();
      this.#pending.set(correlationId, { resolve, reject, timer });
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
  version({ key, name, versions }: ApiName, atMost = Number.POSITIVE_INFINITY): number {
    if (key === ApiVersions.key) return 0;
    const [lowest, highest] = versions;
    const offered = this.#versions.get(key);
    const version = highestCommon(versions, offered, atMost);
    if (version !== undefined) return version;
    const range = offered ? `only versions ${offered.min} to ${offered.max}` : "no version";
    const older = NEEDED.some((api) => api.key === key)
      ? "use Apache Kafka 0.11 or later"
      : "use a newer broker";
    const next =
      offered && offered.min > highest ? "update Onramp" : `${older}, or one that supports this API`;
    throw new BrokerRefused(
      `the broker ${this.#name} offers ${range} of ${name}, but Onramp needs one of ${lowest} to ${highest}`,
      KafkaCode.UNSUPPORTED_VERSION,
      next,
    );
  }

  /** Whether the broker supports an API in a version that Onramp supports. */
  supports({ key, versions }: ApiName): boolean {
    return highestCommon(versions, this.#versions.get(key)) !== undefined;
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
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys)
      this.#versions.set(apiKey, { min: minVersion, max: maxVersion });
  }
}
