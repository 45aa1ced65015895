// GitHub's webhooks: https://docs.github.com/webhooks (deliveries, headers, validating). Verification is
// @octokit/webhooks's, on the raw body; its middleware is not used, since it answers 202 before the work is done.

import { isUtf8 } from "node:buffer";
import { Webhooks } from "@octokit/webhooks";
import { adapterKind } from "../core/adapter.ts";
import { OnrampError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { boolean, list, map, object, oneOf, string } from "../core/options.ts";
import type { Header } from "../core/record.ts";
import { type Delivery, verifyDelivery, type WebhookReceiver } from "../core/webhook.ts";

/** GitHub ends a delivery after 10 s and does not try it again, so the answer must come earlier. */
const DEADLINE_MS = 8000;

const options = object({
  secrets: list(
    string("A secret."),
    "The secret of the webhook; several while it is rotated. Use ${env:NAME} or ${file:/path}.",
    { required: true, minItems: 1 },
  ),
  topic: string("The topic that deliveries go to.", { required: true }),
  topics: map(
    string("A topic."),
    "Topics by event type, such as push: GITHUB.PUSH; other events go to `topic`.",
    { default: {} },
  ),
  ping: boolean("Write `ping` events too; by default they are answered and not written.", { default: false }),
  onInvalid: oneOf(
    ["refuse", "dead-letter"],
    "What happens to a delivery that does not match the schema of its topic: 422, or 200 and a record in <topic>.dead-letter.",
    { default: "refuse" },
  ),
});

/** The kind `github`. */
export const github = adapterKind({
  type: "github",
  options,
  create({ secrets, topic, topics, ping, onInvalid }): WebhookReceiver {
    const verifiers = secrets.map((secret) => new Webhooks({ secret }));
    return {
      deadlineMs: DEADLINE_MS,
      onInvalid,
      topics: [topic, ...Object.values(topics)],
      verify: (delivery) =>
        verifyDelivery(delivery, "x-hub-signature-256", (signature) =>
          anyMatches(verifiers, delivery.body, signature),
        ),
      draftsOf(delivery) {
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
});

async function anyMatches(verifiers: readonly Webhooks[], body: Buffer, signature: string): Promise<boolean> {
  // Signed bytes are always UTF-8; decoding other bytes would change them, and so verify another body.
  const text = isUtf8(body) ? body.toString("utf8") : "";
  if (text === "") return false;
  for (const verifier of verifiers)
    if (await verifier.verify(text, signature).catch(() => false)) return true;
  return false;
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
