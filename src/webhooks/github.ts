// GitHub's webhooks: https://docs.github.com/webhooks (deliveries, headers, validating). Verification is
// @octokit/webhooks's, on the raw body; its middleware is not used, since it answers 202 before the work is done.

import { isUtf8 } from "node:buffer";
import { Webhooks } from "@octokit/webhooks";
import { OnrampError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { Header } from "../core/record.ts";
import type { Delivery, WebhookKind } from "../core/webhook.ts";

interface GithubOptions {
  readonly secrets: readonly string[];
  readonly topic: string;
  readonly topics: Readonly<Record<string, string>>;
  readonly ping: boolean;
  readonly onInvalid: "refuse" | "dead-letter";
}

/** GitHub gives up after 10 s and never tries again, so the answer must come before. */
const DEADLINE_MS = 8000;

const options = {
  type: "object",
  additionalProperties: false,
  required: ["type", "secrets", "topic"],
  properties: {
    type: { const: "github", description: "Signed deliveries of GitHub." },
    secrets: {
      type: "array",
      minItems: 1,
      items: { type: "string", minLength: 1 },
      description:
        "The webhook's secret; several while it is being rotated. Use ${env:NAME} or ${file:/path}.",
    },
    topic: { type: "string", minLength: 1, description: "Where deliveries go." },
    topics: {
      type: "object",
      additionalProperties: { type: "string", minLength: 1 },
      default: {},
      description: "Topics by event type, as push: GITHUB.PUSH; the others go to `topic`.",
    },
    ping: {
      type: "boolean",
      default: false,
      description: "Produce `ping` events too; by default they are only answered.",
    },
    onInvalid: {
      enum: ["refuse", "dead-letter"],
      default: "refuse",
      description:
        "A delivery that does not match the topic's schema: 422, or 200 and a record in <topic>.dead-letter.",
    },
  },
} as const;

/** The kind `github`. */
export const github: WebhookKind = {
  type: "github",
  options,
  create(given) {
    const { secrets, topic, topics, ping, onInvalid } = given as unknown as GithubOptions;
    const verifiers = secrets.map((secret) => new Webhooks({ secret }));
    return {
      deadlineMs: DEADLINE_MS,
      onInvalid,
      topics: [topic, ...Object.values(topics)],
      async receive(delivery) {
        await verify(verifiers, delivery);
        const event = header(delivery, "x-github-event");
        if (event === undefined)
          throw new OnrampError(40001, "The header X-GitHub-Event is missing; is this a GitHub webhook?");
        const target = (Object.hasOwn(topics, event) ? topics[event] : undefined) ?? topic;
        if (event === "ping" && !ping) return { topic: target, drafts: [] };
        const value = payloadOf(delivery);
        const payload = parseJson(value, "The payload");
        return {
          topic: target,
          drafts: [
            { key: keyOf(payload), value, headers: headersOf(delivery, event, payload), parsed: payload },
          ],
        };
      },
    };
  },
};

async function verify(verifiers: readonly Webhooks[], { headers, body }: Delivery): Promise<void> {
  const signature = headers["x-hub-signature-256"];
  if (typeof signature !== "string" || signature === "") {
    throw new OnrampError(
      40101,
      "The header X-Hub-Signature-256 is missing. Set the webhook's secret in GitHub's settings to the one configured here.",
    );
  }
  // Signed bytes are always UTF-8; decoding others would change them and so compare what was never sent.
  const text = isUtf8(body) ? body.toString("utf8") : undefined;
  for (const verifier of verifiers)
    if (text && (await verifier.verify(text, signature).catch(() => false))) return;
  throw new OnrampError(
    40101,
    "The signature in X-Hub-Signature-256 does not match. Check that the secret in GitHub's settings is the one configured here.",
  );
}

/** The payload's bytes: the body itself, or the decoded `payload` of a form, which is GitHub's default. */
function payloadOf(delivery: Delivery): Buffer {
  const type = header(delivery, "content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/json") return delivery.body;
  if (type !== "application/x-www-form-urlencoded")
    throw new OnrampError(
      41501,
      "GitHub sends application/json or application/x-www-form-urlencoded; choose one of them in the webhook's settings.",
    );
  const field = delivery.body
    .toString("utf8")
    .split("&")
    .find((part) => part.startsWith("payload="));
  if (field === undefined) throw new OnrampError(40001, 'The form has no field "payload".');
  try {
    return Buffer.from(decodeURIComponent(field.slice("payload=".length).replaceAll("+", " ")));
  } catch (error) {
    throw new OnrampError(40001, 'The form\'s field "payload" is not percent-encoded UTF-8.', {
      cause: error,
    });
  }
}

function keyOf(payload: unknown): Buffer | null {
  const key = text(payload, "repository", "full_name") ?? text(payload, "organization", "login");
  return key === undefined ? null : Buffer.from(key);
}

/** CloudEvents attributes as its Kafka binding names them, and GitHub's own headers. */
function headersOf(delivery: Delivery, event: string, payload: unknown): Header[] {
  const action = text(payload, "action");
  const source =
    text(payload, "repository", "html_url") ?? text(payload, "organization", "url") ?? "https://github.com";
  const id = header(delivery, "x-github-delivery");
  const all: [string, string | undefined][] = [
    ["ce_specversion", "1.0"],
    ["ce_id", id],
    ["ce_type", `com.github.${event}${action ? `.${action}` : ""}`],
    ["ce_source", source],
    ["ce_time", delivery.receivedAt.toISOString()],
    ["content-type", "application/json"],
    ["x-github-event", event],
    ["x-github-delivery", id],
    ["x-github-hook-id", header(delivery, "x-github-hook-id")],
  ];
  return all.flatMap(([key, value]) => (value === undefined ? [] : [{ key, value: Buffer.from(value) }]));
}

function header({ headers }: Delivery, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The non-empty string at a path of members. */
function text(value: unknown, ...path: readonly string[]): string | undefined {
  let at: unknown = value;
  for (const name of path)
    at =
      typeof at === "object" && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined;
  return typeof at === "string" && at !== "" ? at : undefined;
}
