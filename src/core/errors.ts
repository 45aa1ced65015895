// Every failure that Onramp names, in one table. Knows neither Kafka nor HTTP; edges translate.

/** What a reader of an error knows about the record. */
export type Knowledge = "not written" | "not written, try again" | "unknown";

interface Entry {
  /** The HTTP status that carries it. */
  readonly status: number;
  /** A short name, the same for every occurrence (RFC 9457 `title`). */
  readonly title: string;
  readonly known: Knowledge;
  /** What the reader does next; `docs/errors.md` is made of these. */
  readonly next: string;
}

/** The table of codes (`error_code`). `docs/errors.md` is generated from it; a test compares them. */
export const errorTable = {
  40001: {
    status: 400,
    title: "Malformed request",
    known: "not written",
    next: "Correct the request as `detail` and `errors` say; the same request will fail again.",
  },
  40101: {
    status: 401,
    title: "Not authenticated",
    known: "not written",
    next: "Send a valid `Authorization` header (API), or sign the delivery with a configured secret (webhooks).",
  },
  40301: {
    status: 403,
    title: "Not allowed",
    known: "not written",
    next: "Ask the operator for the grant that `detail` names: a token's `produce` or `read` list, `http.cors`, or a Kafka ACL.",
  },
  40401: {
    status: 404,
    title: "No such topic",
    known: "not written",
    next: "Check the name, or create the topic; Onramp never creates one by accident.",
  },
  40402: {
    status: 404,
    title: "No such partition",
    known: "not written",
    next: "Use a partition that `GET /topics/{topic}/partitions` lists, or leave the choice to Onramp.",
  },
  40403: {
    status: 404,
    title: "No such route",
    known: "not written",
    next: "See `GET /openapi.yaml` for the routes, and the configuration for webhooks and schemas.",
  },
  40801: {
    status: 408,
    title: "Request took too long",
    known: "not written",
    next: "Send the whole request without pausing.",
  },
  41301: {
    status: 413,
    title: "Too large",
    known: "not written",
    next: "Send less: `detail` names the limit (`http.maxBody`, or the topic's `max.message.bytes`).",
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
    next: "Correct the value as `errors` say; `GET /topics/{topic}/schema` shows the schema.",
  },
  42901: {
    status: 429,
    title: "Too much in flight for one client",
    known: "not written, try again",
    next: "Wait for `Retry-After`, then send again with fewer requests at once.",
  },
  43101: {
    status: 431,
    title: "Request headers too large",
    known: "not written",
    next: "Send fewer or shorter headers (16 KiB in all).",
  },
  50000: {
    status: 500,
    title: "Unexpected failure",
    known: "unknown",
    next: "Report it with the log line of the same time; a retry may duplicate.",
  },
  50001: {
    status: 500,
    title: "Kafka refused the record",
    known: "not written",
    next: "`detail` carries the broker's reason; ask whoever runs the cluster.",
  },
  50301: {
    status: 503,
    title: "Kafka not available",
    known: "not written, try again",
    next: "Wait for `Retry-After`, then send again.",
  },
  50302: {
    status: 503,
    title: "Not enough replicas in sync",
    known: "not written, try again",
    next: "Wait for `Retry-After`; the cluster has fewer in-sync replicas than `min.insync.replicas`.",
  },
  50401: {
    status: 504,
    title: "Outcome unknown",
    known: "unknown",
    next: "The record may have been written: a retry may duplicate it.",
  },
} as const satisfies Record<number, Entry>;

/** One of the codes above. */
export type ErrorCode = keyof typeof errorTable;

/** What is wrong with one part of a request: a record of an envelope, a member of a value. */
export interface ErrorDetail {
  /** Index of the record in the request, where there are several. */
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
  /** Seconds to wait; sent as `Retry-After`. Defaults to 1 where trying again makes sense. */
  readonly retryAfter?: number;
}

/** An error whose message says all that its reader needs: a command prints it without a stack. */
export class OperatorError extends Error {
  override readonly name: string = "OperatorError";
}

/** The message of a thrown value. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** A failure from the table. Its message is written for the caller and contains no internals. */
export class OnrampError extends OperatorError {
  override readonly name = "OnrampError";
  readonly code: ErrorCode;
  readonly errors: readonly ErrorDetail[] | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
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

/** Details beyond this many are left out of an error: a hostile request must not become a larger answer. */
export const MOST_DETAILS = 100;

/** Any thrown value as one of ours; what we did not foresee is 50000, its text kept for the log alone. */
export function asOnrampError(error: unknown): OnrampError {
  if (error instanceof OnrampError) return error;
  return new OnrampError(50000, "Onramp failed in a way it did not foresee; the outcome is unknown.", {
    cause: error,
  });
}
