// Sends the requests of one source to its API: adds the access token, and names the API in errors without anything that may be
// secret.

import type { AdapterContext } from "../../core/adapter.ts";
import { parseRetryAfter } from "../../core/retry-after.ts";
import { SourceError } from "../../core/source.ts";
import { environmentAgent } from "../../web/agent.ts";
import {
  AnswerTooLarge,
  type FullAnswer,
  fetchAnswer,
  openStream,
  type StreamedAnswer,
} from "../../web/answer.ts";
import { failureReason } from "../../web/failure.ts";
import { clientCredentials, type TokenEndpoint, type TokenSource } from "../../web/oauth.ts";
import type { OutgoingRequest } from "../../web/request.ts";

export interface ApiRequest {
  readonly url: URL;
  readonly method: string;
  /** The names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ApiCallsOptions {
  readonly timeoutMs: number;
  /** In bytes, after decompression. */
  readonly maxResponse: number;
  readonly oauth2?: Omit<TokenEndpoint, "owner"> | undefined;
}

/** APIs such as GitHub's and Wikimedia's refuse requests without a user agent. */
const USER_AGENT = { "user-agent": "Onramp (HTTP source for Apache Kafka)" } as const;
/** Statuses for which a later request may succeed; also every status from 500. */
const PASSING = [408, 425, 429];

/** Codes of failures before a request was sent. */
const NOT_SENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"];
const INVALID_HEADER = ["ERR_INVALID_CHAR", "ERR_INVALID_HTTP_TOKEN", "ERR_HTTP_INVALID_HEADER_VALUE"];
const DAY_MS = 86_400_000;

/** The error of a request that was not sent. */
export class NotSent extends SourceError {}

/** Sends the requests of one source. */
export class ApiCalls {
  readonly #context: AdapterContext;
  readonly #options: ApiCallsOptions;
  readonly #tokens: TokenSource | undefined;
  #lastToken: string | undefined;

  constructor(context: AdapterContext, options: ApiCallsOptions) {
    this.#context = context;
    this.#options = options;
    const { oauth2 } = options;
    const owner = `sources.${context.name}.oauth2`;
    this.#tokens = oauth2 && clientCredentials({ ...oauth2, owner }, context.now);
  }

  /** Gets the access token, if there is one. @throws SourceError */
  async prepare(): Promise<void> {
    await this.#token();
  }

  /** Sends a request, and resolves with an answer of any status. @throws SourceError when there is no complete answer */
  fetch(request: ApiRequest, cancel: AbortSignal): Promise<FullAnswer> {
    return this.#send(
      request,
      (outgoing) => fetchAnswer(outgoing, this.#options.maxResponse, cancel),
      cancel,
    );
  }

  /** Opens a stream. @throws SourceError */
  open(request: ApiRequest, cancel: AbortSignal): Promise<StreamedAnswer> {
    return this.#send(request, (outgoing) => openStream(outgoing, cancel), cancel);
  }

  /** Called after a status of 401. @returns whether there is a new token, with which the request may succeed */
  async renewToken(): Promise<boolean> {
    const refused = this.#lastToken;
    if (refused === undefined) return false;
    this.#tokens?.drop(refused);
    return (await this.#token()) !== refused;
  }

  /** Names the API in errors, by its host: the path and the query may contain a key. */
  nameOf({ url }: Pick<ApiRequest, "url">): string {
    return `the API of source "${this.#context.name}" (${url.host})`;
  }

  /** The error for a status that is not a success. */
  statusError(request: ApiRequest, { status, headers }: Pick<FullAnswer, "status" | "headers">): SourceError {
    const api = this.nameOf(request);
    const retryAfterMs = this.#pauseIn(headers);
    // GitHub, for example, limits calls with 403.
    const isLimit = status === 403 && retryAfterMs !== undefined;
    if (isLimit || PASSING.includes(status) || status >= 500)
      return new SourceError("passing", `${api} answered ${status}`, { retryAfterMs });
    return new SourceError("blocked", `${api} answered ${status}: ${nextStep(status)}`);
  }

  /** The pause that the API asks for: `Retry-After`, or the time at which its limit starts again. In milliseconds, at most a day. */
  #pauseIn(headers: FullAnswer["headers"]): number | undefined {
    const now = this.#context.now();
    const after = headers["retry-after"];
    if (after !== undefined) return parseRetryAfter(after, now, DAY_MS);
    const header = (name: string): string | undefined =>
      headers[`x-ratelimit-${name}`]?.toString() ?? headers[`x-rate-limit-${name}`]?.toString();
    const resetsAt = Number(header("reset")) * 1000;
    return header("remaining") === "0" && resetsAt > now ? Math.min(DAY_MS, resetsAt - now) : undefined;
  }

  async #send<A>(
    { url, method, headers, body }: ApiRequest,
    send: (outgoing: OutgoingRequest) => Promise<A>,
    cancel: AbortSignal,
  ): Promise<A> {
    const token = await this.#token();
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const outgoing: OutgoingRequest = {
      receiver: this.nameOf({ url }),
      url,
      method,
      headers: { ...USER_AGENT, ...headers, ...authorization },
      body: Buffer.from(body),
      timeoutMs: this.#options.timeoutMs,
      agent: environmentAgent(url),
      now: this.#context.now(),
    };
    try {
      return await send(outgoing);
    } catch (error) {
      cancel.throwIfAborted();
      if (error instanceof AnswerTooLarge)
        throw new SourceError(
          "blocked",
          `${error.message}, the limit maxResponse; request smaller pages, or raise maxResponse`,
        );
      const { code = "" } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
      if (INVALID_HEADER.includes(code))
        throw new SourceError(
          "blocked",
          `the request to ${this.nameOf({ url })} has a header with a character that HTTP does not allow; check headers, and the cursor if they contain {cursor}`,
        );
      if (NOT_SENT.includes(code)) throw new NotSent("passing", failureReason(error), { cause: error });
      throw new SourceError("passing", failureReason(error), { cause: error });
    }
  }

  async #token(): Promise<string | undefined> {
    try {
      this.#lastToken = await this.#tokens?.get();
      return this.#lastToken;
    } catch (error) {
      const { status = 0 } = ((error as Error).cause ?? {}) as { readonly status?: number };
      const isRefused = status >= 400 && status < 500 && !PASSING.includes(status);
      throw new NotSent(isRefused ? "blocked" : "passing", failureReason(error), { cause: error });
    }
  }
}

/** The value of a header that contains any text: Node.js sends headers as Latin-1, so this keeps the UTF-8 bytes. */
export const headerValue = (text: string): string => Buffer.from(text).toString("latin1");

function nextStep(status: number): string {
  if (status >= 300 && status < 400) return "redirects are not followed; set the URL that it redirects to";
  if (status === 401 || status === 403)
    return "check the key or the token of the source, and its permissions; if the API limits calls with this status, use the option failure";
  if (status === 404 || status === 410) return "check the URL of the source";
  return "send the request of the source with another client, such as curl, to see why the API refuses it";
}
