// Escapes records for Slack's message text (mrkdwn) before expressions are evaluated, so that a record can
// neither notify people nor forge a link. Text in the expression itself is not escaped.

import { bindingsOf } from "../../core/bindings.ts";
import { type Expression, ExpressionError, toText } from "../../core/expressions.ts";
import type { OutgoingRecord } from "../../core/sink.ts";

/**
 * Escapes Slack's control characters (https://docs.slack.dev/messaging/formatting-message-text/#escaping).
 */
export const escapeText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** An expression that is evaluated on escaped records. */
export interface SlackExpression {
  /** @throws ExpressionError */
  evaluate(record: OutgoingRecord): Promise<unknown>;
}

/** Wraps an expression so that it is evaluated on escaped records. */
export function escaping(expression: Expression): SlackExpression {
  return {
    evaluate(record) {
      const bindings = escapeIn(bindingsOf(record)) as ReturnType<typeof bindingsOf>;
      return expression.evaluate(escapeIn(record.parsed), { ...bindings, ...FUNCTIONS });
    },
  };
}

/** Escapes all strings of a value, including the names of members, which `$keys` and `$string` return. */
function escapeIn(value: unknown): unknown {
  if (typeof value === "string") return escapeText(value);
  if (Array.isArray(value)) return value.map(escapeIn);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [escapeText(name), escapeIn(inner)]),
  );
}

const print = (value: unknown): string => (value === undefined ? "" : toText(value));

/**
 * Functions for links and mentions, and replacements for functions whose result could contain unescaped text.
 */
const FUNCTIONS = {
  link: (url: unknown, text?: unknown): string => {
    const target = print(url).replaceAll("|", "%7C");
    if (!/^(https?|mailto):/i.test(target)) return text === undefined ? target : print(text);
    return text === undefined ? `<${target}>` : `<${target}|${print(text).replaceAll("|", "¦")}>`;
  },
  // `here` and `channel` are not supported: an id from a record must not notify a whole channel. An
  // expression can contain <!here> itself.
  mention: (id: unknown): string => {
    const name = print(id);
    if (/^[UW][A-Z0-9]+$/.test(name)) return `<@${name}>`;
    if (/^S[A-Z0-9]+$/.test(name)) return `<!subteam^${name}>`;
    if (/^C[A-Z0-9]+$/.test(name)) return `<#${name}>`;
    return name;
  },
  base64decode: (text: unknown): string => escapeText(Buffer.from(String(text), "base64").toString("utf8")),
  decodeUrl: (text: unknown): string => escapeText(decodeURI(String(text))),
  decodeUrlComponent: (text: unknown): string => escapeText(decodeURIComponent(String(text))),
  eval: (): never => {
    throw new ExpressionError("$eval is not available in messages");
  },
};
