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

/** How long `flushLog` waits for the reader of stdout, in milliseconds. */
const FLUSH_MS = 1000;

/** Where the log of this process is written; undefined before `createLog`, and after the reader of stdout is gone. */
let stdout: ReturnType<typeof pino.destination> | undefined;

/** @returns the log, at level "info", and a function that sets the least severe level that is written */
export function createLog(): { readonly log: Log; readonly setLevel: (level: string) => void } {
  const destination = pino.destination({ dest: 1, sync: false });
  stdout = destination;
  destination.on("error", () => {
    stdout = undefined;
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
  const log = pino(options, destination);
  return {
    log,
    setLevel(level) {
      log.level = level;
    },
  };
}

/**
 * Resolves when the log is written, or after a second at most. Called before the process exits: at the exit, the library repeats
 * a failed write without end, so that a process whose reader of stdout is gone would not end (sonic-boom 4, `flushSync`).
 */
export async function flushLog(): Promise<void> {
  if (!stdout) return;
  // Emitted after the lines that are being written, and after this write.
  const written = once(stdout, "drain");
  stdout.write("");
  await Promise.race([written, delay(FLUSH_MS, undefined, { ref: false })]).catch(() => {});
}
