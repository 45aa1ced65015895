// Creates the log: JSON lines on stdout (pino), without secrets.

import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { framesOf, reasonOf } from "../core/errors.ts";
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
const FLUSH_MS = 400;

/** A log, and the functions to control it. */
export interface ControlledLog {
  readonly log: Log;
  /** Sets the least severe level that is written. */
  setLevel(level: string): void;
  /**
   * Resolves when the log is written, or after 400 ms, and ends the log: the remaining lines and later ones are dropped. Called
   * before the process exits: at the exit, the library would otherwise repeat a failed write for ever if stdout has no reader,
   * or one that does not read (sonic-boom 4, `flushSync`).
   */
  flush(): Promise<void>;
}

/** The maximum number of causes of an error that are written. */
const MAX_CAUSES = 5;

/**
 * Converts an error to the fields of a line. All other properties are left out, because the errors of libraries may contain the
 * request with its URL and its headers.
 */
function serializeError(thrown: unknown, causes = MAX_CAUSES): object {
  const message = reasonOf(thrown);
  if (!(thrown instanceof Error)) return { message };
  const { name, cause } = thrown;
  const more = cause === undefined || causes === 0 ? {} : { cause: serializeError(cause, causes - 1) };
  return { type: name, message, stack: framesOf(thrown), ...more };
}

/** @returns a log at level "info" */
export function createLog(): ControlledLog {
  const stdout = pino.destination({ dest: 1, sync: false });
  let isOpen = true;
  stdout.on("error", () => {
    isOpen = false;
  });
  const options = {
    level: "info",
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: "event",
    errorKey: "error",
    serializers: { error: serializeError },
    redact: {
      paths: [...REDACTED, ...REDACTED.map((name) => `*.${name}`), ...REDACTED.map((name) => `*.*.${name}`)],
      censor: "[redacted]",
    },
  };
  const log = pino(options, { write: (line) => void (isOpen && stdout.write(line)) });
  return {
    log,
    setLevel(level) {
      log.level = level;
    },
    async flush() {
      if (isOpen) {
        // Emitted after the lines that are being written, and after this write.
        const written = once(stdout, "drain");
        stdout.write("");
        await Promise.race([written, delay(FLUSH_MS)]).catch(() => {});
      }
      isOpen = false;
      stdout.destroy();
    },
  };
}
