// Creates the log: JSON lines on stdout (pino), without secrets.

import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import type { Log } from "../core/ports.ts";

/** The values of fields with these names are not written, up to two levels below the top. */
const REDACTED = [
  "authorization",
  "cookie",
  "password",
  "secret",
  "token",
  "clientSecret",
  "accessToken",
  "refreshToken",
];

/** How long `flush` waits for the reader of stdout, in milliseconds. */
const FLUSH_MS = 1000;

/** A log, and the functions to control it. */
export interface ControlledLog {
  readonly log: Log;
  /** Sets the least severe level that is written. */
  setLevel(level: string): void;
  /**
   * Resolves when the log is written, or after a second at most. Called before the process exits: at the exit, the library
   * repeats a failed write without end, so that a process whose reader of stdout is gone would not end (sonic-boom 4,
   * `flushSync`).
   */
  flush(): Promise<void>;
}

/** @returns a log at level "info" */
export function createLog(): ControlledLog {
  const stdout = pino.destination({ dest: 1, sync: false });
  let hasReader = true;
  stdout.on("error", () => {
    hasReader = false;
  });
  const options = {
    level: "info",
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: "event",
    errorKey: "error",
    serializers: { error: pino.stdSerializers.errWithCause },
    redact: {
      paths: [...REDACTED, ...REDACTED.map((name) => `*.${name}`), ...REDACTED.map((name) => `*.*.${name}`)],
      censor: "[redacted]",
    },
  };
  const log = pino(options, stdout);
  return {
    log,
    setLevel(level) {
      log.level = level;
    },
    async flush() {
      if (!hasReader) return;
      // Emitted after the lines that are being written, and after this write.
      const written = once(stdout, "drain");
      stdout.write("");
      await Promise.race([written, delay(FLUSH_MS, undefined, { ref: false })]).catch(() => {});
    },
  };
}
