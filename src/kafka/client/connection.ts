// One connection to one broker: socket or TLS, ApiVersions, SASL, correlation, time-outs.
// It never reconnects and never retries: when anything is odd it closes, and every waiter learns whether its
// request may have reached the broker. Why it is ours and not kafkajs's: docs/adr/0002.

import net from "node:net";
import tls from "node:tls";
import type { Api } from "../../wire/codec.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import { FrameSplitter } from "../../wire/frame.ts";
import { decodeResponse, encodeRequest } from "../../wire/message.ts";
import { ApiVersions } from "../../wire/messages/cluster.ts";
import { BrokerGone, BrokerRefused } from "./errors.ts";
import { authenticate, type SaslOptions } from "./sasl.ts";

export const CLIENT_ID = "onramp";
/** The largest response taken: a broker's own limit for a fetch is 55 MB. */
const MAX_FRAME = 128 * 1024 * 1024;

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** Milliseconds for connecting, TLS, ApiVersions and SASL together. */
  readonly connectTimeoutMs: number;
  readonly tls?: tls.ConnectionOptions | undefined;
  readonly sasl?: SaslOptions | undefined;
}

interface Waiter {
  readonly resolve: (frame: Buffer) => void;
  readonly reject: (error: BrokerGone) => void;
  readonly timer: NodeJS.Timeout;
}

/** An open, authenticated connection. */
export class Connection {
  readonly #socket: net.Socket;
  readonly #name: string;
  readonly #splitter = new FrameSplitter(MAX_FRAME);
  readonly #waiters = new Map<number, Waiter>();
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
   * @throws BrokerGone when there is no answer in time, BrokerRefused when the broker or SASL says no
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const name = `${options.host}:${options.port}`;
    const deadline = Date.now() + options.connectTimeoutMs;
    const socket = await connect(options, name);
    const connection = new Connection(socket, name);
    try {
      const left = (): number => Math.max(1, deadline - Date.now());
      await connection.#learnVersions(left());
      if (options.sasl) {
        const lifetime = await authenticate(connection, options.sasl, left());
        // Kafka closes a session that outlives connections.max.reauth.ms; a fresh connection is simpler than KIP-368.
        if (lifetime > 0) connection.#expiresAt = Date.now() + lifetime * 0.85;
      }
      return connection;
    } catch (error) {
      connection.close("it could not be set up", error);
      throw error;
    }
  }

  /** True once the SASL session nears its end; use another connection for what is new. */
  get expired(): boolean {
    return Date.now() >= this.#expiresAt;
  }

  onClose(listener: () => void): void {
    this.#onClose.push(listener);
  }

  /**
   * Sends one request and waits for its answer.
   *
   * @param timeoutMs after which the connection is closed: a late answer must find nobody
   * @throws BrokerGone, or BrokerRefused when the broker does not speak this version
   */
  async request<Q, R>(api: Api<Q, R>, version: number, body: Q, timeoutMs: number): Promise<R> {
    this.requireVersion(api, version);
    const correlationId = this.nextCorrelationId();
    const frame = encodeRequest(api, version, { correlationId, clientId: CLIENT_ID }, body);
    return decodeResponse(api, version, await this.send(frame, correlationId, timeoutMs));
  }

  /** Sends a whole frame that carries `correlationId`, and waits for the frame that answers it. */
  send(frame: Buffer, correlationId: number, timeoutMs: number): Promise<Buffer> {
    if (this.#closed) return Promise.reject(new BrokerGone(this.#closed.message, { sent: false }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#timeOut(timeoutMs), timeoutMs);
      this.#waiters.set(correlationId, { resolve, reject, timer });
      this.#socket.write(frame);
    });
  }

  nextCorrelationId(): number {
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff;
    return this.#correlationId;
  }

  /** @throws BrokerRefused naming the API when the broker does not offer `version` of it */
  requireVersion(api: Api<unknown, unknown>, version: number): void {
    const range = this.#versions.get(api.key);
    if (api.key === ApiVersions.key || (range && version >= range.min && version <= range.max)) return;
    const offered = range ? `versions ${range.min} to ${range.max}` : "no version";
    throw new BrokerRefused(
      `${this.#name} offers ${offered} of ${api.name}, and Onramp speaks ${version}`,
      KafkaCode.UNSUPPORTED_VERSION,
    );
  }

  close(reason = "closed by us", cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = new BrokerGone(reason, { sent: true, cause });
    this.#fail(this.#closed);
  }

  #timeOut(timeoutMs: number): void {
    if (this.#closed) return;
    this.#closed = new BrokerGone(`${this.#name} did not answer within ${timeoutMs} ms`, {
      sent: true,
      timedOut: true,
    });
    this.#fail(this.#closed);
  }

  #fail(reason: BrokerGone): void {
    this.#socket.destroy();
    const waiters = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const waiter of waiters) {
      clearTimeout(waiter.timer);
      waiter.reject(reason);
    }
    for (const listener of this.#onClose) listener();
  }

  #receive(chunk: Buffer): void {
    let frames: Buffer[];
    try {
      frames = this.#splitter.push(chunk);
    } catch (error) {
      this.close(
        `${this.#name} sent what is no Kafka response; is this its Kafka port, and does it want TLS?`,
        error,
      );
      return;
    }
    for (const frame of frames) {
      const correlationId = frame.readInt32BE(0);
      const waiter = this.#waiters.get(correlationId);
      if (!waiter) {
        this.close(`${this.#name} answered a request that was not sent`);
        return;
      }
      this.#waiters.delete(correlationId);
      clearTimeout(waiter.timer);
      waiter.resolve(frame);
    }
  }

  async #learnVersions(timeoutMs: number): Promise<void> {
    const answer = await this.request(ApiVersions, 0, { software: "", softwareVersion: "" }, timeoutMs);
    if (answer.errorCode !== 0)
      throw new BrokerRefused(`asking ${this.#name} for its versions`, answer.errorCode);
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
