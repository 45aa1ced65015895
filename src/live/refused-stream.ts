// The stream of a client that resumes while no further stream is accepted. EventSource gives up after any status but 200, so the
// stream opens, names the reconnection time, and ends.

import type { EventOutput, OpenStream, StreamRequest } from "../core/live.ts";
import { exactBuffer } from "./entry.ts";
import { namedEvent } from "./event-bytes.ts";

/** A stream that ends at once, with the position that the client sent. */
export class RefusedStream implements OpenStream {
  readonly #request: StreamRequest;
  readonly #message: string;
  readonly #retryMs: () => number;

  constructor(request: StreamRequest, message: string, retryMs: () => number) {
    this.#request = request;
    this.#message = message;
    this.#retryMs = retryMs;
  }

  start(output: EventOutput): void {
    const { format, start } = this.#request;
    const position = start.position ?? "";
    const data = { reason: "refused", message: this.#message };
    output.write(
      Buffer.concat([
        exactBuffer(format.retry(this.#retryMs())),
        namedEvent(format, "position", {}, position).bytes,
        namedEvent(format, "goodbye", data, position).bytes,
      ]),
    );
    output.end();
  }

  close(): void {}

  end(): void {}
}
