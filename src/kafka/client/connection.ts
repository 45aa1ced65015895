// Implements one connection to one broker: TCP or TLS, ApiVersions, SASL, correlation ids, timeouts. It never
// reconnects and never retries. After any error it closes, and every pending request fails with a `BrokerGone` that
// says whether the request may have reached the broker. docs/adr/0002 explains why kafkajs is not used for this.

import net from "node:net";
import tls from "node:tls";
import type { Api } from "../../wire/codec.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { FrameSplitter } from "../../wire/frame.ts";
import { decodeResponse, encodeRequest } from "../../wire/message.ts";
import { ApiVersions } from "../../wire/messages/cluster.ts";
import { BrokerGone, BrokerRefused } from "./errors.ts";
import { authenticate, type SaslOptions } from "./sasl.ts";

/** The client id in all requests. */
export const CLIENT_ID = "onramp";
/** The largest accepted response, in bytes. A broker's default limit for a Fetch response is 55 MB. */
const MAX_FRAME = 128 * 1024 * 1024;

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** The time limit for connecting, TLS, ApiVersions and SASL together, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly tls?: tls.ConnectionOptions | undefined;
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
  #closed: BrokerGone | undefined;
  #expiresAt = Number.POSITIVE_INFINITY;

  private constructor(socket: net.Socket, name: string) {
    this.#socket = socket;
    this.#name = name;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.close(`the connection to ${name} failed`, error));
    socket.on("close", () => this.close(`${name} closed the connection`));
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
    const socket = await connect(options, name);
    const connection = new Connection(socket, name);
    try {
      const left = (): number => Math.max(1, deadline - Date.now());
      await connection.#readVersions(left());
      if (options.sasl) {
        const lifetime = await authenticate(connection, options.sasl, left());
        // Kafka closes a session after connections.max.reauth.ms. A new connection is simpler than KIP-368.
        if (lifetime > 0) connection.#expiresAt = Date.now() + lifetime * 0.85;
      }
      return connection;
    } catch (error) {
      connection.close(`the connection to ${name} could not be set up`, error);
      throw error;
    }
  }

  /** True when the SASL session ends soon: new requests then need a new connection. */
  get expired(): boolean {
    return Date.now() >= this.#expiresAt;
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
   * @throws BrokerGone when the connection is lost or times out, BrokerRefused when `version` is not supported
   */
  async request<Q, R>(api: Api<Q, R>, version: number, body: Q, timeoutMs: number): Promise<R> {
    this.requireVersion(api, version);
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
      const timer = setTimeout(() => this.#onTimeout(timeoutMs), timeoutMs);
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
   * Returns the first of the versions that the broker supports; the last one when it supports none of them.
   *
   * @param versions versions of the API; at least one
   */
  bestVersion({ key }: { readonly key: number }, versions: readonly number[]): number {
    return versions.find((version) => this.#supports(key, version)) ?? (versions.at(-1) as number);
  }

  #supports(key: number, version: number): boolean {
    const range = this.#versions.get(key);
    return range !== undefined && version >= range.min && version <= range.max;
  }

  /** @throws BrokerRefused, with the name of the API, when the broker does not support `version` of it */
  requireVersion(api: Api<unknown, unknown>, version: number): void {
    if (api.key === ApiVersions.key || this.#supports(api.key, version)) return;
    const range = this.#versions.get(api.key);
    const offered = range ? `versions ${range.min} to ${range.max}` : "no version";
    throw new BrokerRefused(
      `${this.#name} offers ${offered} of ${api.name}, but Onramp needs version ${version}`,
      KafkaCode.UNSUPPORTED_VERSION,
    );
  }

  /** Closes the connection. Pending requests fail with `BrokerGone`. */
  close(reason = "Onramp closed the connection", cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = new BrokerGone(reason, { sent: true, cause });
    this.#rejectPending(this.#closed);
  }

  #onTimeout(timeoutMs: number): void {
    if (this.#closed) return;
    this.#closed = new BrokerGone(`${this.#name} did not answer within ${timeoutMs} ms`, {
      sent: true,
      timedOut: true,
    });
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
    let frames: Buffer[];
    try {
      frames = this.#splitter.push(chunk);
    } catch (error) {
      this.close(
        `${this.#name} sent data that is not a Kafka response; check the port, and whether it requires TLS`,
        error,
      );
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

function connect(options: ConnectionOptions, name: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = options;
    const servername = net.isIP(host) ? {} : { servername: host };
    const socket = options.tls
      ? tls.connect({ host, port, ...servername, ...options.tls })
      : net.connect({ host, port });
    const fail = (cause?: Error): void => {
      socket.destroy();
      reject(
        new BrokerGone(
          `cannot connect to ${name}${cause ? `: ${cause.message}` : ` within ${options.connectTimeoutMs} ms`}`,
          { sent: false, cause },
        ),
      );
    };
    const timer = setTimeout(fail, options.connectTimeoutMs);
    socket.setNoDelay(true);
    socket.once(options.tls ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      resolve(socket);
    });
    socket.once("error", (error) => {
      clearTimeout(timer);
      fail(error);
    });
  });
}
