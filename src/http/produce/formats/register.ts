// The produce formats by content type.

import { OnrampError } from "../../../core/errors.ts";
import { binaryEnvelope, jsonEnvelope, textEnvelope } from "./envelope.ts";
import type { Format } from "./format.ts";
import { raw, rawJson } from "./raw.ts";

const ENVELOPES: ReadonlyMap<string, Format> = new Map(
  Object.entries({
    "application/vnd.kafka.json.v2+json": jsonEnvelope,
    "application/vnd.kafka.binary.v2+json": binaryEnvelope,
    "application/vnd.kafka.text.v2+json": textEnvelope,
  }),
);
const NDJSON = "application/x-ndjson";
const JSON_TYPE = /^[^/]+\/(?:json|[^/]+\+json)$/;
const REMEMBERED = 200;
const seen = new Map<string, Format | typeof ndjson>();

/** Lines are no format of whole bodies: they are answered as they come. */
export const ndjson = Symbol("NDJSON");

/**
 * The format that a content type names.
 *
 * @throws OnrampError 41501 for one that is not built, or a charset that is not UTF-8 where text is parsed
 */
export function formatOf(contentType: string | undefined): Format | typeof ndjson {
  if (contentType === undefined) return raw;
  let format = seen.get(contentType);
  if (!format) {
    format = choose(contentType);
    if (seen.size >= REMEMBERED) seen.clear();
    seen.set(contentType, format);
  }
  return format;
}

function choose(contentType: string): Format | typeof ndjson {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  const unsupported =
    type.startsWith("application/cloudevents") ||
    (type.startsWith("application/vnd.kafka.") && !ENVELOPES.has(type));
  if (unsupported) {
    throw new OnrampError(
      41501,
      `Content type "${type.slice(0, 100)}" is not supported here. Send application/json (or any other type) for one raw record, or an envelope: ${[...ENVELOPES.keys()].join(", ")}, or lines: ${NDJSON}.`,
    );
  }
  const parsed =
    ENVELOPES.get(type) ?? (type === NDJSON ? ndjson : JSON_TYPE.test(type) ? rawJson : undefined);
  if (!parsed) return raw;
  const charset = parameters
    .find((parameter) => parameter.startsWith("charset="))
    ?.slice("charset=".length)
    .replaceAll('"', "");
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8" && charset !== "us-ascii") {
    throw new OnrampError(
      41501,
      `Charset "${charset.slice(0, 40)}" is not supported; JSON travels as UTF-8 (RFC 8259).`,
    );
  }
  return parsed;
}
