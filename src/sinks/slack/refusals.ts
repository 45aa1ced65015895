// Converts the answers of Slack to DeliveryErrors: which error codes concern one message, which ask for another
// attempt; every other code concerns the URL, the token, the channel or the workspace, and so every message.

import { DeliveryError, type FailureKind, failureKindOf } from "../../core/sink.ts";
import type { Clean } from "../../web/excerpt.ts";
import { deliveryErrorIn, type Meaning } from "../parts/http.ts";

/** The answer of a method of Slack's API (https://docs.slack.dev/apis/web-api/#responses). */
export interface SlackAnswer {
  readonly ok: boolean;
  /** The id of the message. */
  readonly ts?: unknown;
  readonly error?: unknown;
  readonly errors?: unknown;
  readonly needed?: unknown;
  readonly provided?: unknown;
  readonly response_metadata?: unknown;
}

/**
 * Error codes that concern one message, not the URL, the token, the channel or the workspace
 * (https://docs.slack.dev/reference/methods/chat.postMessage/#errors,
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling_errors).
 */
const OF_MESSAGE = [
  ...["attachment_payload_limit_exceeded", "block_mismatch", "cannot_reply_to_message"],
  ...["duplicate_message_not_found", "invalid_arg_name", "invalid_arguments", "invalid_array_arg"],
  ...[
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_charset",
    "invalid_form_data",
  ],
  ...["invalid_json", "invalid_metadata_format", "invalid_metadata_schema", "invalid_payload"],
  ...["invalid_thread_ts", "json_not_object", "markdown_text_conflict", "metadata_too_large"],
  ...["missing_text_or_fallback_or_attachments", "msg_blocks_too_long", "msg_too_long", "no_text"],
  ...["restricted_action_thread_locked", "slack_connect_canvas_sharing_blocked"],
  ...["slack_connect_clip_sharing_blocked", "slack_connect_file_link_sharing_blocked"],
  ...["slack_connect_lists_sharing_blocked", "thread_not_found", "too_many_attachments"],
  ...["too_many_contact_cards"],
];
/** Error codes for failures in Slack itself. */
const SLACK_FAILED = ["fatal_error", "internal_error", "request_timeout", "rollup_error"];
/** Error codes with which Slack asks for a pause. */
const SLACK_BUSY = ["message_limit_exceeded", "rate_limited", "ratelimited", "service_unavailable"];
/** Statuses of incoming webhooks that refuse the URL or the token. */
const REVOKED_STATUSES: readonly number[] = [401, 403, 404, 410];
/** Slack does not redirect requests; a network that requires a login does, or answers 511 (RFC 6585). */
const isForeign = (status: number): boolean => (status >= 300 && status < 400) || status === 511;
/** The form of an error code in the body of an incoming webhook's answer. */
const CODE = /^[a-z]+(_[a-z]+)+$/;
const FOREIGN_HINT = "Check whether a proxy or a login page of the network answers in place of Slack";

const NEXT_STEP =
  "The app, the webhook URL, the token, the channel or the workspace does not accept messages: correct it in Slack, or replace webhookUrl, or token and channel; Onramp tries again about once a minute";
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
  const kindOf = (code: string): FailureKind => {
    if (OF_MESSAGE.includes(code)) return "permanent";
    if (SLACK_BUSY.includes(code)) return "away";
    if (SLACK_FAILED.includes(code)) return "answered";
    return onRevoked === "hold" ? "blocked" : "permanent";
  };
  const hintFor = (kind: FailureKind): string | undefined => (kind === "blocked" ? NEXT_STEP : undefined);
  const describe = (answer: SlackAnswer): string => `${clean(codeOf(answer))}${detailsOf(answer, clean)}`;
  const meaning: Meaning = ({ status = 0, body }) => {
    // A receiver that is down or overloaded may answer with any code.
    if (failureKindOf(status) === "away") return undefined;
    const answer = parseJson(body);
    if (isAnswer(answer) && !answer.ok) {
      const kind = kindOf(codeOf(answer));
      return { kind, message: `Slack answered ${status}: ${describe(answer)}`, hint: hintFor(kind) };
    }
    if (isForeign(status)) return { kind: "away", hint: FOREIGN_HINT };
    const code = body.trim();
    const isKnown = [...OF_MESSAGE, ...SLACK_BUSY, ...SLACK_FAILED].includes(code);
    const isRefusal = REVOKED_STATUSES.includes(status) || (status === 400 && CODE.test(code));
    if (!isKnown && !isRefusal) return undefined;
    const kind = kindOf(code);
    return { kind, hint: hintFor(kind) };
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
      const kind = kindOf(codeOf(answer));
      const message = `Slack answered ${describe(answer)}`;
      return new DeliveryError(kind, kind === "blocked" ? `${message}. ${NEXT_STEP}` : message);
    },
    errorIn: (thrown) => deliveryErrorIn(thrown, meaning),
  };
}

const codeOf = ({ error }: SlackAnswer): string => String(error ?? "no error code");

/** The parts of an answer that name the block and the reason, or the scope. */
function detailsOf({ errors, needed, provided, response_metadata }: SlackAnswer, clean: Clean): string {
  const { messages } = (response_metadata ?? {}) as { readonly messages?: unknown };
  const texts = [messages, errors]
    .flatMap((list): unknown[] => (Array.isArray(list) ? list : []))
    .filter((text) => typeof text === "string");
  const reasons = [...new Set(texts.map((text) => text.replace(/^\[ERROR\]\s*/, "")))];
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
