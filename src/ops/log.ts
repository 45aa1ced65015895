// Creates the log: JSON lines on stdout (pino), without secrets.

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

/** @returns the log, at level "info", and a function that sets the least severe level that is written */
export function createLog(): { readonly log: Log; readonly setLevel: (level: string) => void } {
  const log = pino({
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
  });
  return {
    log,
    setLevel(level) {
      log.level = level;
    },
  };
}
