// Slack's message text (mrkdwn): what comes from a record is escaped before an expression sees it, so that an event can
// neither ping people nor forge a link; what the author of the expression writes stays as it is.

import { type Expression, ExpressionError } from "../../core/expressions.ts";
import { bindingsOf, type OutgoingRecord } from "../../core/sink.ts";

/** Slack's three control characters (https://docs.slack.dev/messaging/formatting-message-text/#escaping). */
export const escapeText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** An expression whose record is escaped. */
export interface SlackExpression {
  /** @throws ExpressionError */
  evaluate(record: OutgoingRecord): Promise<unknown>;
}

/** An expression of the configuration, given records with their control characters escaped. */
export function escaping(expression: Expression): SlackExpression {
  return {
    evaluate(record) {
      const bindings = escapeIn(bindingsOf(record)) as ReturnType<typeof bindingsOf>;
      return expression.evaluate(escapeIn(record.parsed), { ...bindings, ...FUNCTIONS });
    },
  };
}

/** All strings of a value, names of members included: `$keys` and `$string` show those too. */
function escapeIn(value: unknown): unknown {
  if (typeof value === "string") return escapeText(value);
  if (Array.isArray(value)) return value.map(escapeIn);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [escapeText(name), escapeIn(inner)]),
  );
}

/** What would make control characters out of a record's harmless ones, escaped once more; `$eval` is refused. */
const FUNCTIONS = {
  link: (url: unknown, text?: unknown): string => {
    const target = String(url).replaceAll("|", "%7C");
    if (!/^(https?|mailto):/i.test(target)) return text === undefined ? target : String(text);
    return text === undefined ? `<${target}>` : `<${target}|${String(text).replaceAll("|", "¦")}>`;
  },
  // No `here` or `channel`: who takes an id from a record must not ping everybody. An author can write <!here>.
  mention: (id: unknown): string => {
    const name = String(id);
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
