// A request whose body the test sends piece by piece, without a network.

import { EventEmitter } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

/** A double of a request and its response. */
export class FakeRequest extends EventEmitter {
  readonly headers: IncomingHttpHeaders;
  /** The whole body has come in. */
  complete = false;
  paused = false;
  /** What to do when nothing comes for so long. */
  idle: { readonly ms: number; readonly then: () => void } | undefined;
  /** How often the client was told to go on (100 Continue). */
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

  /** A piece of the body comes in. */
  send(bytes: string | Buffer): void {
    this.emit("data", Buffer.from(bytes));
  }
  /** The body ends, and with it the request. */
  finish(): void {
    this.complete = true;
    this.emit("end");
    this.emit("close");
  }
  /** The connection ends before the body does. */
  cut(): void {
    this.emit("close");
  }
}
