// A connection of a client of a stream, without a network.

import type { EventOutput } from "../../src/core/live.ts";

/** The connection of a client. A test sets what the client takes. */
export class ScriptedOutput implements EventOutput {
  isBlocked = false;
  tookAt = Date.now();
  onDrain = (): void => {};
  readonly written: string[] = [];
  ended = false;

  write(bytes: Buffer): void {
    this.written.push(bytes.toString());
  }
  end(): void {
    this.ended = true;
  }
}
