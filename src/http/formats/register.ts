// The produce formats by content type.

import { OnrampError } from "../../core/errors.ts";
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
const JSON_TYPE = /^[^/]+\/(?:json|[^/]+\+json)$/;
const REMEMBERED = 200;
const seen = new Map<string, Format>();

/**
 * The format that a content type names.
 *
 * @throws OnrampError 41501 for one that is not built, or a charset that is not UTF-8 where text is parsed
 */
export function formatOf(contentType: string | undefined): Format {
  if (contentType === undefined) return raw;
  let format = seen.get(contentType);
  if (!format) {
    format = choose(contentType);
    if (seen.size >= REMEMBERED) seen.clear();
    seen.set(contentType, format);
  }
  return format;
}

function choose(contentType: string): Format {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  const unsupported =
    type === "application/x-ndjson" ||
    type.startsWith("application/cloudevents") ||
    (type.startsWith("application/vnd.kafka.") && !ENVELOPES.has(type));
  if (unsupported) {
    throw new OnrampError(
      41501,
      `Content type "${type.slice(0, 100)}" is not supported here. Send application/json (or any other type) for one raw record, or an envelope: ${[...ENVELOPES.keys()].join(", ")}.`,
    );
  }
  const parsed = ENVELOPES.get(type) ?? (JSON_TYPE.test(type) ? rawJson : undefined);
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
