// Selects the produce format of a request by its content type.

import { OnrampError } from "../../../core/errors.ts";
import { parseMediaType } from "../../../core/media-type.ts";
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
/** All names of NDJSON that are in use; none is registered. */
const NDJSON_TYPE = /^(?:application|text)\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines|ldjson)$/;
const JSON_TYPE = /^[^/]+\/(?:json|[^/]+\+json)$/;
const MAX_CACHED = 200;
const cache = new Map<string, Format | typeof ndjson>();

/**
 * The result of `formatOf` for NDJSON. NDJSON is not a `Format`, because lines are answered while they are
 * read.
 */
export const ndjson = Symbol("NDJSON");

/**
 * Returns the format for a content type.
 *
 * @throws OnrampError 41501 when it is not a media type, the format is not supported, or parsed text has a
 *   charset other than UTF-8
 */
export function formatOf(contentType: string | undefined): Format | typeof ndjson {
  if (contentType === undefined) return raw;
  let format = cache.get(contentType);
  if (!format) {
    format = choose(contentType);
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(contentType, format);
  }
  return format;
}

function choose(contentType: string): Format | typeof ndjson {
  const { type, parameters } = parseMediaType(contentType);
  const unsupported =
    type.startsWith("application/cloudevents") ||
    (type.startsWith("application/vnd.kafka.") && !ENVELOPES.has(type));
  if (unsupported) {
    throw new OnrampError(
      41501,
      `Content type "${type.slice(0, 100)}" is not supported. Send application/json (or any other type) for one raw record, ${NDJSON} for lines, or one of these for an envelope: ${[...ENVELOPES.keys()].join(", ")}.`,
    );
  }
  const parsed =
    ENVELOPES.get(type) ?? (NDJSON_TYPE.test(type) ? ndjson : JSON_TYPE.test(type) ? rawJson : undefined);
  if (!parsed) return raw;
  const charset = parameters.get("charset");
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8" && charset !== "us-ascii") {
    throw new OnrampError(
      41501,
      `Charset "${charset.slice(0, 40)}" is not supported; JSON must be UTF-8 (RFC 8259).`,
    );
  }
  return parsed;
}
