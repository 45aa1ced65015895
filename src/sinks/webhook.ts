// Webhooks out: each record as a request of its own, signed, to a URL of somebody's.

import { readFileSync } from "node:fs";
import { validateHeaderName, validateHeaderValue } from "node:http";
import { isIP } from "node:net";
import path from "node:path";
import type { Expression } from "../core/expressions.ts";
import { duration, file, string } from "../core/options.ts";
import { bindingsOf, DeliveryError, type OutgoingRecord, type SinkKind } from "../core/sink.ts";
import { ms } from "../core/units.ts";
import { addressPolicy } from "../web/address-policy.ts";
import { createAgent, send } from "../web/request.ts";
import { createSigner } from "./parts/signature.ts";

/** What the sink or its HTTP client decides. */
const OURS = [
  "connection",
  "content-length",
  "expect",
  "host",
  "transfer-encoding",
  "webhook-id",
  "webhook-signature",
  "webhook-timestamp",
];

interface Options {
  readonly url: string;
  readonly method: "POST" | "PUT";
  readonly format: "raw" | "cloudevents";
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly timeout: string;
  readonly allowAddresses: readonly string[];
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export const webhook: SinkKind = {
  type: "webhook",
  options: {
    type: "object",
    required: ["type", "url"],
    properties: {
      type: { const: "webhook" },
      url: string(
        "Where records go, http or https; it may hold a secret, so take it from ${env:NAME} where it does.",
        {
          pattern: "^https?://",
        },
      ),
      method: { enum: ["POST", "PUT"], default: "POST", description: "The request's method." },
      format: {
        enum: ["raw", "cloudevents"],
        default: "raw",
        description:
          "raw: the record's value is the body. cloudevents: the same, with ce-* headers (binary mode).",
      },
      body: string("JSONata over the value; what it gives, as JSON, is the body in place of the value."),
      headers: {
        type: "object",
        default: {},
        additionalProperties: { type: "string" },
        description: "Further request headers.",
      },
      secrets: {
        type: "array",
        default: [],
        items: string("whsec_ and the base64 of 24 to 64 random bytes."),
        description:
          "Each signs every request (Standard Webhooks); several while they are rotated. None: unsigned.",
      },
      timeout: duration("How long one attempt may take.", "10s"),
      allowAddresses: {
        type: "array",
        default: [],
        items: string("An address or CIDR block, as 10.0.0.0/8."),
        description: "Addresses of this host or network that may be sent to; none may by default.",
      },
      tls: {
        type: "object",
        default: {},
        additionalProperties: false,
        properties: {
          ca: file("PEM of the authorities that signed the receiver."),
          cert: string("PEM of our client certificate."),
          key: string("PEM of its key."),
        },
        description: "TLS to the receiver.",
      },
    },
  },
  create(given, surroundings) {
    const options = given as unknown as Options;
    const url = urlOf(options.url);
    const policy = addressPolicy(options.allowAddresses);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (isIP(host) && !policy.allows(host))
      throw new Error(
        "url names an address that is not public; allow it with allowAddresses, or use another",
      );
    const read = (pem: string | undefined) =>
      pem === undefined ? undefined : readFileSync(path.resolve(surroundings.folder, pem));
    const agent = createAgent(url, {
      ca: read(options.tls.ca),
      cert: read(options.tls.cert),
      key: read(options.tls.key),
    });
    const signer = createSigner(options.secrets);
    checkHeaders(options.headers);
    const body = options.body === undefined ? undefined : surroundings.compile("body", options.body);
    return {
      folds: false,
      async deliver([record], { signal, turn }) {
        if (!record) return 0;
        const bytes = await bodyOf(record, body);
        const id = `${record.topic}-${record.partition}-${record.offset}`;
        await turn(options.url);
        const now = surroundings.now();
        const headers = {
          "content-type": contentTypeOf(record, body !== undefined),
          ...(options.format === "cloudevents" ? eventHeaders(record, id) : {}),
          ...options.headers,
          ...signer.headers(id, bytes, now),
        };
        const { method } = options;
        const timeoutMs = ms(options.timeout);
        const { lookup } = policy;
        await send({ url, method, headers, body: bytes, timeoutMs, lookup, agent, now }, signal);
        return 1;
      },
    };
  },
};

function urlOf(given: string): URL {
  try {
    return new URL(given);
  } catch (cause) {
    throw new Error("url is not a URL", { cause });
  }
}

/** Told at the start: at the first record it would be a dead letter, and so would be all others. */
function checkHeaders(headers: Options["headers"]): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (cause) {
      throw new Error(`headers: "${name}" or its value can't stand in a request`, { cause });
    }
    if (OURS.includes(name.toLowerCase()))
      throw new Error(`headers: "${name}" is set by the sink itself; remove it`);
  }
}

async function bodyOf(record: OutgoingRecord, expression: Expression | undefined): Promise<Buffer> {
  if (!expression) return record.value ?? Buffer.alloc(0);
  const made = await expression.evaluate(record.parsed, bindingsOf(record));
  if (made === undefined)
    throw new DeliveryError("permanent", "body: the expression gave nothing for this record");
  return Buffer.from(JSON.stringify(made));
}

function contentTypeOf({ headers, parsed, value }: OutgoingRecord, made: boolean): string {
  if (made) return "application/json";
  const own = headers.find(({ key }) => key === "content-type")?.value?.toString("latin1");
  if (own !== undefined && isHeaderValue(own)) return own;
  const isJson = value !== null && !(typeof parsed === "string" && value[0] !== 0x22);
  return isJson ? "application/json" : "application/octet-stream";
}

/** CloudEvents 1.0, HTTP binary mode: what the record says of itself (`ce_…`), else what is known of it. */
function eventHeaders(record: OutgoingRecord, id: string): Record<string, string> {
  const { topic, timestamp, headers } = record;
  const own: Record<string, string> = {};
  for (const { key, value } of headers) {
    if (!/^ce_[a-z0-9]+$/.test(key) || value === null) continue;
    own[`ce-${key.slice(3)}`] = encodeHeader(value.toString("utf8"));
  }
  return {
    "ce-specversion": "1.0",
    "ce-id": id,
    "ce-source": `/topics/${topic}`,
    "ce-type": "onramp.record",
    "ce-time": new Date(timestamp).toISOString(),
    ...own,
  };
}

/** Percent-encoded outside of printable ASCII, as CloudEvents' HTTP binding asks (3.1.3.2). */
const encodeHeader = (value: string): string =>
  value.replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, (found) => encodeURIComponent(found));

const isHeaderValue = (value: string): boolean => /^[\x20-\x7e]+$/.test(value);
