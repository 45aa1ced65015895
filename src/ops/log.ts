// The log: pino, JSON lines on stdout, secrets redacted.

import { pino } from "pino";
import type { Log } from "../core/ports.ts";

/** Wherever one of these is a field's name, its value is not written. */
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

/** @param level the least severe level that is written */
export function createLog(level: string): Log {
  return pino({
    level,
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
}
