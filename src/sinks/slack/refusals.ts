// Converts the answers of Slack to DeliveryErrors: which error codes concern one message, and which the URL or the token.

import { DeliveryError } from "../../core/sink.ts";
import type { Clean } from "../../web/excerpt.ts";
import { deliveryErrorIn, type Meaning } from "../parts/http.ts";

/** The answer of a method of Slack's API (https://docs.slack.dev/apis/web-api/#responses). */
export interface SlackAnswer {
  readonly ok: boolean;
  readonly error?: unknown;
  readonly errors?: unknown;
  readonly needed?: unknown;
  readonly provided?: unknown;
  readonly response_metadata?: unknown;
}

/** Error codes for failures in Slack itself (https://docs.slack.dev/reference/methods/chat.postMessage/#errors). */
const SLACK_FAILED = ["internal_error", "fatal_error", "request_timeout"];
/** Error codes with which Slack asks for a pause. */
const SLACK_BUSY = ["ratelimited", "rate_limited", "service_unavailable"];
/** Error codes that refuse the URL, the token or the channel, and so every message. */
const REVOKED = [
  ...["access_denied", "account_inactive", "action_prohibited", "channel_is_archived", "ekm_access_denied"],
  ...["invalid_auth", "invalid_token", "is_archived", "missing_scope", "no_active_hooks", "no_permission"],
  ...["no_service", "no_service_id", "no_team", "not_allowed_token_type", "not_authed", "not_in_channel"],
  ...["org_login_required", "team_access_not_granted", "team_disabled", "token_expired", "token_revoked"],
];
/** Statuses that refuse the URL or the token. */
const REVOKED_STATUSES: readonly number[] = [401, 403, 404, 410];
/** Slack does not redirect requests; a network that requires a login does, or answers 511 (RFC 6585). */
const isForeign = (status: number): boolean => (status >= 300 && status < 400) || status === 511;
const FOREIGN_HINT = "Check whether a proxy or a login page of the network answers in place of Slack";

const NEXT_STEP =
  "The app, the webhook URL, the token or the channel no longer accepts messages: restore it in Slack, or replace webhookUrl, or token and channel; Onramp tries again about once a minute";
/** The maximum length of the details in an error, in bytes. */
const DETAIL_BYTES = 600;

/** Converts what Slack answers, for one sink. */
export interface Refusals {
  /** Parses the answer of a method. @throws DeliveryError when it is not an answer of Slack */
  parse(text: string): SlackAnswer;
  /** Converts an answer with `ok: false`. */
  errorOf(answer: SlackAnswer): DeliveryError;
  /** Converts an error of Slack's clients; returns undefined when it has no cause that is known. */
  errorIn(thrown: unknown): DeliveryError | undefined;
}

/** @param onRevoked see the option */
export function createRefusals(onRevoked: "hold" | "dead-letter", clean: Clean): Refusals {
  const holds = (code: string): boolean => onRevoked === "hold" && REVOKED.includes(code);
  const meaning: Meaning = ({ status = 0, said }) => {
    if (holds(codeIn(said)) || (onRevoked === "hold" && REVOKED_STATUSES.includes(status)))
      return { kind: "blocked", hint: NEXT_STEP };
    return isForeign(status) ? { kind: "away", hint: FOREIGN_HINT } : undefined;
  };
  return {
    parse(text) {
      const answer = parseJson(text);
      if (isAnswer(answer)) return answer;
      const quoted = clean(text);
      throw new DeliveryError(
        "away",
        `the response does not come from Slack: ${quoted === "" ? "its body is empty" : quoted}. ${FOREIGN_HINT}`,
      );
    },
    errorOf(answer) {
      const code = clean(String(answer.error ?? "no error code"));
      const details = detailsOf(answer, clean);
      const message = `Slack answered ${code}${details}`;
      if (holds(code)) return new DeliveryError("blocked", `${message}. ${NEXT_STEP}`);
      const kind = SLACK_BUSY.includes(code)
        ? "away"
        : SLACK_FAILED.includes(code)
          ? "answered"
          : "permanent";
      return new DeliveryError(kind, message);
    },
    errorIn: (thrown) => deliveryErrorIn(thrown, meaning),
  };
}

/** The error code in the body of an answer, which is the code itself or a JSON object. */
function codeIn(said: string): string {
  const answer = parseJson(said);
  return isAnswer(answer) ? String(answer.error) : said.trim();
}

/** The parts of an answer that name the block and the reason, or the scope. */
function detailsOf({ errors, needed, provided, response_metadata }: SlackAnswer, clean: Clean): string {
  const { messages } = (response_metadata ?? {}) as { readonly messages?: unknown };
  const texts = [messages, errors].flatMap((list) => (Array.isArray(list) ? list : []));
  const reasons = [...new Set(texts.map((text) => String(text).replace(/^\[ERROR\]\s*/, "")))];
  const scopes = [
    ...(needed === undefined ? [] : [`needed: ${needed}`]),
    ...(provided === undefined ? [] : [`provided: ${provided}`]),
  ];
  const all = [...reasons, ...scopes].join("; ");
  return all === "" ? "" : `: ${clean(all, DETAIL_BYTES)}`;
}

const isAnswer = (value: unknown): value is SlackAnswer =>
  typeof value === "object" && value !== null && typeof (value as { ok?: unknown }).ok === "boolean";

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
