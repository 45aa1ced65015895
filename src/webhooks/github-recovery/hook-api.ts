// Reads the delivery log of a hook, and requests deliveries again (https://docs.github.com/rest/repos/webhooks).

import { createPrivateKey } from "node:crypto";
import type { AdapterContext } from "../../core/adapter.ts";
import type { ValueOf } from "../../core/options.ts";
import { SourceError, type SourceErrorKind } from "../../core/source.ts";
import { failureReason } from "../../web/failure.ts";
import type { ApiClient } from "./octokit.ts";
import type { recoverOptions } from "./options.ts";

export type RecoverOptions = ValueOf<typeof recoverOptions>;

/** An attempt to deliver, in the delivery log. */
export interface Attempt {
  /** A number; text if JavaScript would round it. */
  readonly id: number | string;
  readonly guid: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The status with which the receiver answered; 0 when it did not answer. */
  readonly status: number;
  readonly event: string;
  /** Whether it was requested, by Onramp or by a person. */
  readonly isRedelivery: boolean;
}

/** GitHub answered with a failure, so it has not done what was requested. */
export class GithubAnswered extends SourceError {
  readonly status: number;

  constructor(
    kind: SourceErrorKind,
    status: number,
    message: string,
    options: { retryAfterMs?: number | undefined } = {},
  ) {
    super(kind, message, options);
    this.status = status;
  }
}

/** Statuses for one delivery that GitHub cannot deliver again. The log could be read, so the hook exists, and the token is valid. */
const UNAVAILABLE = [404, 410, 422];

/** GitHub refuses to deliver one delivery again. */
export class RedeliveryRefused extends Error {
  override readonly name = "RedeliveryRefused";
}

const PER_PAGE = 100;
/** The pause after a rate limit for which GitHub does not send Retry-After, in milliseconds. */
const PAUSE_MS = 60_000;

/** The deliveries of one hook. */
export class HookApi {
  readonly #options: RecoverOptions;
  #loading: Promise<ApiClient> | undefined;
  readonly #path: string;
  readonly #context: AdapterContext;

  /** @throws Error for options that do not fit together */
  constructor(options: RecoverOptions, context: AdapterContext) {
    const { app } = options;
    this.#path = pathOf(options);
    if (app) checkKey(app.privateKey);
    this.#context = context;
    this.#options = options;
  }

  /** Loaded when it is needed: the libraries take a tenth of the time in which Onramp starts. */
  get #octokit(): Promise<ApiClient> {
    this.#loading ??= import("./octokit.ts").then(({ createOctokit }) =>
      createOctokit(this.#options, this.#context.now),
    );
    return this.#loading;
  }

  /** Yields the attempts, the newest first, page by page. @throws SourceError */
  async *attempts(signal: AbortSignal): AsyncGenerator<Attempt[], void> {
    let cursor: string | undefined;
    const seen = new Set<string>();
    do {
      const { data, headers } = await this.#request("GET", this.#path, signal, {
        per_page: PER_PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      if (!Array.isArray(data)) throw new SourceError("passing", "the delivery log of GitHub is not a list");
      yield data.filter((entry) => typeof entry === "object" && entry !== null).map(attemptOf);
      const next = headers.link?.split(",").find((link) => link.endsWith('rel="next"'));
      cursor = next && /[?&]cursor=([^&>]+)/.exec(next)?.[1];
      cursor = cursor && decodeURIComponent(cursor);
      if (cursor !== undefined && seen.has(cursor))
        throw new SourceError("passing", "the delivery log of GitHub names a page that was read before");
      if (cursor !== undefined) seen.add(cursor);
    } while (cursor !== undefined);
  }

  /** Requests a delivery again. @throws RedeliveryRefused; SourceError when it was not requested, or may not have been */
  async redeliver({ id }: Attempt, signal: AbortSignal): Promise<void> {
    try {
      await this.#request("POST", `${this.#path}/${id}/attempts`, signal);
    } catch (error) {
      if (error instanceof GithubAnswered && UNAVAILABLE.includes(error.status))
        throw new RedeliveryRefused(`GitHub answered ${error.status}`, { cause: error });
      throw error;
    }
  }

  async #request(method: string, path: string, signal: AbortSignal, parameters: object = {}) {
    try {
      return await (await this.#octokit).request(`${method} ${path}`, { ...parameters, request: { signal } });
    } catch (error) {
      signal.throwIfAborted();
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): SourceError {
    const { status, response } = error as {
      status?: number;
      response?: { readonly headers: Readonly<Record<string, string | undefined>> };
    };
    if (status === undefined || response === undefined)
      return new SourceError("passing", `GitHub cannot be reached: ${failureReason(error)}`, {
        cause: error,
      });
    const {
      "retry-after": after,
      "x-ratelimit-remaining": left,
      "x-ratelimit-reset": reset,
    } = response.headers;
    const isLimited = status === 429 || (status === 403 && (after !== undefined || left === "0"));
    if (isLimited || status >= 500) {
      const untilReset = left === "0" ? Number(reset) * 1000 - this.#context.now() : 0;
      const asked = after === undefined ? untilReset : Number(after) * 1000;
      const retryAfterMs = isLimited ? Math.max(asked, after === undefined ? PAUSE_MS : 0) : undefined;
      return new GithubAnswered(
        "passing",
        status,
        `GitHub answered ${status}${isLimited ? ": its rate limit is exceeded" : ""}`,
        { retryAfterMs },
      );
    }
    const message = `GitHub answered ${status} for ${this.#path}: ${nextStep(status)}`;
    return new GithubAnswered("blocked", status, message);
  }
}

function nextStep(status: number): string {
  if (status === 404)
    return "check repository, organization and hook, and that the token may administer webhooks";
  if (status === 401 || status === 403)
    return "check the token or the app, which needs the permission to administer webhooks";
  return "check the options of recover";
}

/** @throws Error for options that do not fit together */
function pathOf({ token, app, repository, organization, hook }: RecoverOptions): string {
  const fail = (message: string): never => {
    throw new Error(`recover: ${message}`);
  };
  if ((token === undefined) === (app === undefined)) fail("exactly one of token and app is required");
  if (repository !== undefined && organization !== undefined)
    fail("only one of repository and organization may be set");
  const owner = repository === undefined ? organization && `orgs/${organization}` : `repos/${repository}`;
  if (owner === undefined) {
    if (app === undefined) fail("repository or organization is required with token");
    return "/app/hook/deliveries";
  }
  if (hook === undefined) fail("hook is required for the hook of a repository or an organization");
  if (app && app.installation === undefined)
    fail("app.installation is required for the hook of a repository or an organization");
  return `/${owner}/hooks/${hook}/deliveries`;
}

/** @throws Error for a key that is not PEM, without quoting it */
function checkKey(pem: string): void {
  try {
    createPrivateKey(pem);
  } catch {
    throw new Error("recover: app.privateKey is not a private key in PEM; use ${file:/path}");
  }
}

function attemptOf(entry: Readonly<Record<string, unknown>>): Attempt {
  const { id, guid, delivered_at: at, status_code: status, event, redelivery } = entry;
  return {
    id: typeof id === "string" ? id : Number(id),
    guid: String(guid),
    at: Date.parse(String(at)),
    status: Number(status) || 0,
    event: String(event),
    isRedelivery: redelivery === true,
  };
}
