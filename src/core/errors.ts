// Defines all errors that clients can receive, in one table. Independent of Kafka and HTTP: `kafka/` converts
// broker errors to these errors, and `http/` converts these errors to responses.

/** Whether the record was written, according to the error. */
export type Knowledge = "not written" | "not written, try again" | "unknown";

interface Entry {
  /** The HTTP status of the response. */
  readonly status: number;
  /** A short name, the same for every occurrence (RFC 9457 `title`). */
  readonly title: string;
  readonly known: Knowledge;
  /** What the client should do next. */
  readonly next: string;
}

/**
 * The errors by `error_code`. `docs/errors.md` is generated from this table; a test fails when it is stale.
 */
export const errorTable = {
  40001: {
    status: 400,
    title: "Malformed request",
    known: "not written",
    next: "Correct the request as `detail` and `errors` describe; the same request will fail again.",
  },
  40101: {
    status: 401,
    title: "Not authenticated",
    known: "not written",
    next: "Send a valid `Authorization` header or ticket (API), or sign the delivery with a configured secret (webhooks).",
  },
  40301: {
    status: 403,
    title: "Not allowed",
    known: "not written",
    next: "Ask the operator for the permission that `detail` names: a token's `produce` or `read` list, `http.cors`, or a Kafka ACL.",
  },
  40401: {
    status: 404,
    title: "No such topic",
    known: "not written",
    next: "Check the name, or create the topic; a request does not create topics.",
  },
  40402: {
    status: 404,
    title: "No such partition",
    known: "not written",
    next: "Use a partition that `GET /topics/{topic}/partitions` lists, or do not specify a partition.",
  },
  40403: {
    status: 404,
    title: "No such route",
    known: "not written",
    next: "See `GET /openapi.yaml` for the routes. Webhooks, schemas and tickets have a route only if they are configured.",
  },
  40501: {
    status: 405,
    title: "Method not allowed",
    known: "not written",
    next: "Use a method that the header `Allow` of the response lists.",
  },
  40801: {
    status: 408,
    title: "Request took too long",
    known: "not written",
    next: "Send the request again, if needed faster or in larger chunks; `detail` names the limit that was exceeded.",
  },
  41301: {
    status: 413,
    title: "Too large",
    known: "not written",
    next: "Send less data; `detail` names the limit (such as `http.maxBody` or the topic's `max.message.bytes`).",
  },
  41501: {
    status: 415,
    title: "Content type not supported",
    known: "not written",
    next: "Use a content type that `GET /openapi.yaml` lists for this route.",
  },
  42206: {
    status: 422,
    title: "Does not match the schema",
    known: "not written",
    next: "Correct the value as `errors` describe; `GET /topics/{topic}/schema` shows the schema.",
  },
  42901: {
    status: 429,
    title: "Too much in flight for one client",
    known: "not written, try again",
    next: "Wait for the time in `Retry-After`, then send again, with fewer concurrent requests.",
  },
  43101: {
    status: 431,
    title: "Request headers too large",
    known: "not written",
    next: "Send fewer or shorter headers (at most 16 KiB in total).",
  },
  50000: {
    status: 500,
    title: "Unexpected failure",
    known: "unknown",
    next: "Report it, and include the log line that was written at that time; a retry may write the record twice.",
  },
  50001: {
    status: 500,
    title: "Kafka refused the record",
    known: "not written",
    next: "`detail` contains the broker's reason; ask the operator of the cluster.",
  },
  50301: {
    status: 503,
    title: "Kafka not available",
    known: "not written, try again",
    next: "Wait for the time in `Retry-After`, then send again.",
  },
  50302: {
    status: 503,
    title: "Not enough replicas in sync",
    known: "not written, try again",
    next: "Wait for the time in `Retry-After`, then send again; a partition has fewer in-sync replicas than `min.insync.replicas`.",
  },
  50401: {
    status: 504,
    title: "Outcome unknown",
    known: "unknown",
    next: "The record may have been written; a retry may write it twice.",
  },
} as const satisfies Record<number, Entry>;

export type ErrorCode = keyof typeof errorTable;

/** The error of one part of a request, such as a record of an envelope or a member of a value. */
export interface ErrorDetail {
  /** The index of the record, in a request with several records. */
  readonly index?: number;
  readonly error_code?: ErrorCode;
  readonly message: string;
  /** JSON Pointer (RFC 6901) into the record's value, from a schema. */
  readonly pointer?: string;
  /** The schema keyword that was violated. */
  readonly keyword?: string;
}

export interface ErrorOptions {
  readonly errors?: readonly ErrorDetail[];
  readonly cause?: unknown;
  /** Seconds to wait; sent as `Retry-After`. Default: 1 for the errors that say "try again". */
  readonly retryAfter?: number;
}

/** An error whose message is sufficient for the operator: commands print it without a stack trace. */
export class OperatorError extends Error {
  override readonly name: string = "OperatorError";
}

/**
 * @returns the message of a thrown value, which may be any value. For an error that collects others and has no message
 *   of its own, such as Node's for a host name with several addresses, the messages of the others
 */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error))
    return typeof thrown === "object" ? "an error without a message" : String(thrown);
  const inner = thrown instanceof AggregateError ? thrown.errors.map(messageOf) : [];
  return thrown.message || [...new Set(inner)].join("; ") || thrown.name;
}

/** Errors of JavaScript itself. Node.js and libraries also throw them for a URL or a header that is not valid, and quote it. */
const BUILT_IN = [TypeError, RangeError, SyntaxError, ReferenceError, URIError, EvalError];

/**
 * Describes a thrown value to operators, without the messages of Node.js and of JavaScript, which may quote a secret URL or header.
 * Returns the code of an error whose code is a string, such as ECONNREFUSED; the name of a built-in error of JavaScript; and the
 * message of any other error, such as an `OperatorError`.
 */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "an error without a message";
  const { code } = thrown as NodeJS.ErrnoException;
  if (typeof code === "string" && !(thrown instanceof OperatorError)) return code;
  return BUILT_IN.some((kind) => thrown instanceof kind) || isDomException(thrown)
    ? thrown.name
    : messageOf(thrown);
}

const isDomException = (error: Error): boolean =>
  Object.prototype.toString.call(error) === "[object DOMException]";

/** The place at which an error was thrown, as lines of its stack, which do not quote its message. */
export const framesOf = ({ stack = "", message }: Error): string =>
  stack
    .slice(stack.indexOf(message) + message.length)
    .split("\n")
    .filter((line) => /^ {4}at /.test(line))
    .join("\n");

/** An error from `errorTable`. Its message is sent to the client and contains no internals. */
export class OnrampError extends OperatorError {
  override readonly name = "OnrampError";
  readonly code: ErrorCode;
  readonly errors: readonly ErrorDetail[] | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    // A stack is most of the cost of an error, and a client can cause many. The message is sufficient.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.errors = options.errors;
    this.retryAfter = options.retryAfter ?? (this.known === "not written, try again" ? 1 : undefined);
  }

  get status(): number {
    return errorTable[this.code].status;
  }
  get title(): string {
    return errorTable[this.code].title;
  }
  get known(): Knowledge {
    return errorTable[this.code].known;
  }
}

/** The maximum number of details per error, so that a hostile request cannot cause a much larger response. */
export const MOST_DETAILS = 100;

/**
 * Converts any thrown value to an OnrampError. An unexpected error becomes 50000; its text is kept for the
 * log only.
 */
export function asOnrampError(error: unknown): OnrampError {
  if (error instanceof OnrampError) return error;
  return new OnrampError(50000, "An unexpected error occurred; the outcome is unknown.", {
    cause: error,
  });
}
