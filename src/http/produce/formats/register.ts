// Selects the produce format of a request by its path and its content type.

import { OnrampError } from "../../../core/errors.ts";
import { parseMediaType } from "../../../core/media-type.ts";
import { batches, type Envelopes, envelopes } from "./envelope.ts";
import type { Format } from "./format.ts";
import { raw, rawJson } from "./raw.ts";

/** The formats that a path takes: any, selected by the content type; envelopes; or lines. */
export type BodyShape = "any" | "batch" | "lines";

const NDJSON = "application/x-ndjson";
/** All names of NDJSON that are in use; none is registered. */
const NDJSON_TYPE = /^(?:application|text)\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines|ldjson)$/;
const JSON_TYPE = /^[^/]+\/(?:json|[^/]+\+json)$/;
const MAX_CACHED = 200;
const caches: Readonly<Record<BodyShape, Map<string, Format | typeof ndjson>>> = {
  any: new Map(),
  batch: new Map(),
  lines: new Map(),
};

/**
 * The result of `formatOf` for NDJSON. NDJSON is not a `Format`, because lines are answered while they are
 * read.
 */
export const ndjson = Symbol("NDJSON");

/**
 * Returns the format for a content type. Without a content type, the path selects the format: raw, the json envelope, or lines.
 *
 * @throws OnrampError 41501 when it is not a media type, is not supported on the path, or has a charset other than UTF-8 although
 *   it is parsed
 */
export function formatOf(contentType: string | undefined, shape: BodyShape): Format | typeof ndjson {
  if (contentType === undefined) return DEFAULTS[shape];
  const cache = caches[shape];
  let format = cache.get(contentType);
  if (!format) {
    format = choose(contentType, shape);
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(contentType, format);
  }
  return format;
}

const DEFAULTS: Readonly<Record<BodyShape, Format | typeof ndjson>> = {
  any: raw,
  batch: batches.json,
  lines: ndjson,
};

/** The envelope format of each content type. */
const ENVELOPES: ReadonlyMap<string, keyof Envelopes> = new Map([
  ["application/vnd.kafka.json.v2+json", "json"],
  ["application/vnd.kafka.binary.v2+json", "binary"],
  ["application/vnd.kafka.text.v2+json", "text"],
]);
const ENVELOPE_TYPES = [...ENVELOPES.keys()].join(", ");

function choose(contentType: string, shape: BodyShape): Format | typeof ndjson {
  const { type, parameters } = parseMediaType(contentType);
  const parsed = CHOICES[shape](type);
  if (parsed === raw) return raw;
  const charset = parameters.get("charset");
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8" && charset !== "us-ascii") {
    throw new OnrampError(
      41501,
      `Charset "${charset.slice(0, 40)}" is not supported; JSON must be UTF-8 (RFC 8259).`,
    );
  }
  return parsed;
}

/** The format of a media type, by the formats that a path takes. Each throws OnrampError 41501. */
const CHOICES: Readonly<Record<BodyShape, (type: string) => Format | typeof ndjson>> = {
  any(type) {
    const envelope = ENVELOPES.get(type);
    if (envelope) return envelopes[envelope];
    if (type.startsWith("application/cloudevents") || type.startsWith("application/vnd.kafka."))
      throw unsupported(
        type,
        `Send application/json, text/plain or application/octet-stream for one raw record, ${NDJSON} for lines, or one of these for an envelope: ${ENVELOPE_TYPES}.`,
      );
    return NDJSON_TYPE.test(type) ? ndjson : JSON_TYPE.test(type) ? rawJson : raw;
  },
  batch(type) {
    const envelope = type === "application/json" ? "json" : ENVELOPES.get(type);
    if (envelope) return batches[envelope];
    throw unsupported(
      type,
      `Send a batch of records as application/json, or as one of ${ENVELOPE_TYPES}. POST /topics/{topic} takes one raw record, POST /topics/{topic}/lines takes lines.`,
    );
  },
  lines(type) {
    if (NDJSON_TYPE.test(type)) return ndjson;
    throw unsupported(
      type,
      `Send ${NDJSON}, one JSON value per line. POST /topics/{topic} takes one raw record, POST /topics/{topic}/batch takes a batch of records.`,
    );
  },
};

const unsupported = (type: string, next: string): OnrampError =>
  new OnrampError(41501, `Content type "${type.slice(0, 100)}" is not supported here. ${next}`);
