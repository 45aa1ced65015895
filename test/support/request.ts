// A request whose body the test sends in pieces, without a network.

import { EventEmitter } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

/** A double of a request and its response. */
export class FakeRequest extends EventEmitter {
  readonly headers: IncomingHttpHeaders;
  httpVersion = "1.1";
  /** True when the whole body was received. */
  complete = false;
  paused = false;
  readonly socket = { pause: () => {}, resume: () => {} };
  /** The callback for a time without data, and the time. */
  idle: { readonly ms: number; readonly then: () => void } | undefined;
  /** How often 100 Continue was sent. */
  continued = 0;

  constructor(headers: IncomingHttpHeaders = {}) {
    super();
    this.headers = headers;
  }

  get req(): IncomingMessage {
    return this as unknown as IncomingMessage;
  }
  get res(): ServerResponse {
    return { writeContinue: () => void this.continued++ } as unknown as ServerResponse;
  }

  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  setTimeout(ms: number, then: () => void): void {
    this.idle = { ms, then };
  }

  /** Receives a piece of the body. */
  send(bytes: string | Buffer): void {
    this.emit("data", Buffer.from(bytes));
  }
  /** Ends the body and the request. */
  finish(): void {
    this.complete = true;
    this.emit("end");
    this.emit("close");
  }
  /** Closes the connection before the end of the body. */
  cut(): void {
    this.emit("close");
  }
}
