// The sink kind `webhook`: sends one signed request per record to the URL of a receiver.

import { isIP } from "node:net";
import { adapterKind, requireAll } from "../core/adapter.ts";
import { bindingsOf } from "../core/bindings.ts";
import type { Expression } from "../core/expressions.ts";
import { isJsonText } from "../core/json.ts";
import {
  duration,
  expression,
  list,
  map,
  object,
  oneOf,
  secret,
  section,
  string,
  url,
} from "../core/options.ts";
import { DeliveryError, type OutgoingRecord, type Sink } from "../core/sink.ts";
import { isTime } from "../core/time.ts";
import { readTlsFiles, tlsFiles } from "../core/tls-files.ts";
import { ms } from "../core/units.ts";
import { type AddressPolicy, addressPolicy } from "../web/address-policy.ts";
import { createAgent, environmentProxy, parseProxy } from "../web/agent.ts";
import { checkHeaders } from "../web/headers.ts";
import { send } from "../web/request.ts";
import { type Meaning, throwDelivery } from "./parts/http.ts";
import { createSigner } from "./parts/signature.ts";

/** Headers that the sink or its HTTP client sets. */
const RESERVED_HEADERS = [
  "connection",
  "content-length",
  "expect",
  "host",
  "transfer-encoding",
  "webhook-id",
  "webhook-signature",
  "webhook-timestamp",
];

const options = object({
  url: url(
    "The URL of the receiver, http or https, without user and password. If it contains a secret, use ${env:NAME} or ${file:/path}.",
    { required: true },
  ),
  method: oneOf(["POST", "PUT"], "The method of the request.", { default: "POST" }),
  format: oneOf(
    ["raw", "cloudevents"],
    "raw: the body is the record's value. cloudevents: the same, with ce-* headers (binary mode).",
    { default: "raw" },
  ),
  body: expression("JSONata over the value. The result is sent as the body, as JSON, instead of the value."),
  headers: map(string("A value.", { minLength: 0 }), "Further request headers.", { default: {} }),
  secrets: list(
    secret("whsec_ followed by the base64 of 24 to 64 random bytes."),
    "Every request is signed with each secret (Standard Webhooks); use several during a rotation. Without secrets, requests are not signed.",
    { default: [] },
  ),
  timeout: duration("How long one attempt may take.", { default: "10s" }),
  allowAddresses: list(
    string("An address or CIDR block such as 10.0.0.0/8."),
    "Non-public addresses that requests may go to. Default: none.",
    { default: [] },
  ),
  tls: section(tlsFiles, "TLS to the receiver."),
  proxy: string(
    "none, env (the proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, except for the hosts in NO_PROXY), or the URL of an HTTP proxy. Requests through a proxy are not checked against allowAddresses, because the proxy resolves the host.",
    { default: "none", pattern: "^(none|env|https?://.+)$" },
  ),
  onRevoked: oneOf(
    ["hold", "dead-letter"],
    "What happens after a response of 401, 403 or 410. hold: the sink keeps the record, is reported as blocked, and tries again about once a minute. dead-letter: the record becomes a dead letter at once.",
    { default: "dead-letter" },
  ),
});

/** Statuses that refuse the URL or the credentials; 410 asks to stop sending (Standard Webhooks). */
const REVOKED: readonly (number | undefined)[] = [401, 403, 410];
const HINT =
  "Check url, headers and secrets of the sink, and whether the receiver still accepts requests; Onramp tries again about once a minute";

export const webhook = adapterKind({
  type: "webhook",
  options,
  create(given, { compile, folder, now: clock }): Sink {
    const [{ url, lookup }, signer, proxy] = requireAll(
      () => targetOf(given.url, addressPolicy(given.allowAddresses)),
      () => createSigner(given.secrets),
      () => proxyOf(given.proxy, given.url),
      () => checkHeaders(given.headers),
      () => requireOwnHeaders(given.headers),
    );
    const agent = createAgent(url, readTlsFiles(given.tls, folder), proxy);
    const secrets = given.secrets.flatMap((secret) => [secret, secret.replace(/^whsec_/, "")]);
    const meaning: Meaning = ({ status }) =>
      given.onRevoked === "hold" && REVOKED.includes(status) ? { kind: "blocked", hint: HINT } : undefined;
    const expression = given.body === undefined ? undefined : compile("body", given.body);
    return {
      async deliver(record, { cancel, turn }) {
        const body = await bodyOf(record, expression);
        const id = `${record.topic}-${record.partition}-${record.offset}`;
        await turn(given.url);
        const now = clock();
        const headers = {
          "content-type": contentTypeOf(record, expression !== undefined),
          ...(given.format === "cloudevents" ? eventHeaders(record, id) : {}),
          ...given.headers,
          ...signer.headers(id, body, now),
        };
        const { method, timeout } = given;
        const request = { url, method, headers, body, timeoutMs: ms(timeout), lookup, agent, now, secrets };
        await send({ receiver: "the receiver", ...request }, cancel).catch((thrown: unknown) =>
          throwDelivery(thrown, meaning),
        );
      },
    };
  },
});

function targetOf(given: string, { allows, lookup }: AddressPolicy) {
  const url = new URL(given);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) && !allows(host))
    throw new Error(
      "the host of url is an address that is not public; allow it with allowAddresses, or use another address",
    );
  return { url, lookup };
}

function proxyOf(given: string, target: string): URL | undefined {
  if (given === "none" || !URL.canParse(target)) return undefined;
  return given === "env" ? environmentProxy(new URL(target)) : parseProxy(given, "proxy");
}

function requireOwnHeaders(headers: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(headers))
    if (RESERVED_HEADERS.includes(name.toLowerCase()))
      throw new Error(`headers: "${name}" is set by the sink; remove it`);
}

async function bodyOf(record: OutgoingRecord, expression: Expression | undefined): Promise<Buffer> {
  if (!expression) return record.value ?? Buffer.alloc(0);
  const result = await expression.evaluate(record.parsed, bindingsOf(record));
  if (result === undefined)
    throw new DeliveryError("permanent", "body: the expression returned no value for this record");
  return Buffer.from(JSON.stringify(result));
}

function contentTypeOf({ headers, parsed, value }: OutgoingRecord, computed: boolean): string {
  if (computed) return "application/json";
  const own = headers.find(({ key }) => key === "content-type")?.value?.toString("latin1");
  if (own !== undefined && isHeaderValue(own)) return own;
  // A parsed string is a JSON string, a number with more digits than JavaScript keeps, or a value that is not JSON.
  const isJson = value !== null && (typeof parsed !== "string" || isJsonText(value));
  return isJson ? "application/json" : "application/octet-stream";
}

/**
 * CloudEvents 1.0, HTTP binary mode. Attributes in the record's headers (`ce_…`) replace the default
 * attributes.
 */
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
    ...(isTime(timestamp) ? { "ce-time": new Date(timestamp).toISOString() } : {}),
    ...own,
  };
}

/**
 * Percent-encodes all characters except printable ASCII, as in section 3.1.3.2 of CloudEvents' HTTP binding.
 */
const encodeHeader = (value: string): string =>
  value.replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, (found) => encodeURIComponent(found));

const isHeaderValue = (value: string): boolean => /^[\x20-\x7e]+$/.test(value);
