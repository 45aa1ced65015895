// The webhook kind `github` (https://docs.github.com/webhooks). @octokit/webhooks verifies the raw body; its
// middleware is not used, because it responds with 202 before the record is written.

import { isUtf8 } from "node:buffer";
import { Webhooks } from "@octokit/webhooks";
import { adapterKind } from "../core/adapter.ts";
import { OnrampError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { parseMediaType } from "../core/media-type.ts";
import { boolean, list, map, object, oneOf, secret, string } from "../core/options.ts";
import type { Header } from "../core/record.ts";
import { type Delivery, verifyDelivery, type WebhookReceiver } from "../core/webhook.ts";
import { recoverOptions } from "./github-recovery/options.ts";
import { createRecovery } from "./github-recovery/recovery.ts";

/** GitHub aborts a delivery after 10 s and does not retry it, so Onramp responds earlier. */
const DEADLINE_MS = 8000;

const options = object({
  secrets: list(
    secret("A secret."),
    "The secret of the webhook; several during a rotation. Use ${env:NAME} or ${file:/path}.",
    { required: true, minItems: 1 },
  ),
  topic: string("The topic that deliveries go to.", { required: true }),
  topics: map(
    string("A topic."),
    "Topics by event type, such as push: GITHUB.PUSH. Events of other types go to `topic`.",
    { default: {} },
  ),
  ping: boolean("Whether `ping` events are written. By default they are acknowledged and not written.", {
    default: false,
  }),
  recover: recoverOptions,
  onInvalid: oneOf(
    ["refuse", "dead-letter"],
    "What happens to a delivery that does not match the schema of its topic. refuse: the response is 422. dead-letter: the response is 200, and the record is written to <topic>.dead-letter.",
    { default: "refuse" },
  ),
});

export const github = adapterKind({
  type: "github",
  options,
  create({ secrets, topic, topics, ping, onInvalid, recover }, context): WebhookReceiver {
    const topicOf = (event: string): string =>
      (Object.hasOwn(topics, event) ? topics[event] : undefined) ?? topic;
    const verifiers = secrets.map((secret) => new Webhooks({ secret }));
    return {
      deadlineMs: DEADLINE_MS,
      onInvalid,
      topics: [topic, ...Object.values(topics)],
      ...(recover ? { recovery: createRecovery(recover, topicOf, context) } : {}),
      verify: (delivery) =>
        verifyDelivery(delivery, "x-hub-signature-256", (signature) =>
          anyMatches(verifiers, delivery.body, signature),
        ),
      draftsOf(delivery) {
        const event = header(delivery, "x-github-event");
        if (event === undefined)
          throw new OnrampError(
            40001,
            "The header X-GitHub-Event is missing. Check that the sender is a GitHub webhook.",
          );
        const target = topicOf(event);
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
  // GitHub sends UTF-8 only. Decoding other bytes would change them, so that a different body would be
  // verified.
  const text = isUtf8(body) ? body.toString("utf8") : "";
  if (text === "") return false;
  for (const verifier of verifiers)
    if (await verifier.verify(text, signature).catch(() => false)) return true;
  return false;
}

/**
 * @returns the bytes of the payload: the body, or the decoded field `payload` of a form, which is GitHub's
 *   default
 */
function payloadOf(delivery: Delivery): Buffer {
  const given = header(delivery, "content-type");
  const type = given === undefined ? undefined : parseMediaType(given).type;
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

/**
 * Builds the headers: CloudEvents attributes, named as in CloudEvents' Kafka binding, and GitHub's headers.
 */
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

/**
 * @returns the string at a path of members; undefined when there is none, or an empty one
 * @throws OnrampError 40001 for a string that UTF-8 cannot represent: different keys could become the same key
 */
function text(value: unknown, ...path: readonly string[]): string | undefined {
  let at: unknown = value;
  for (const name of path)
    at =
      typeof at === "object" && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined;
  if (typeof at !== "string" || at === "") return undefined;
  if (at.isWellFormed()) return at;
  throw new OnrampError(
    40001,
    `The payload's ${path.join(".")} contains an unpaired surrogate, which UTF-8 cannot represent. Correct the value.`,
  );
}
