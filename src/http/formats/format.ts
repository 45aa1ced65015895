// What a produce format is: from a body to drafts, and from receipts to an answer. The content type picks it.

import type { ServerResponse } from "node:http";
import { OnrampError } from "../../core/errors.ts";
import type { Draft, Receipts } from "../../core/record.ts";
import { binaryEnvelope, jsonEnvelope, textEnvelope } from "./envelope.ts";
import { raw, rawJson } from "./raw.ts";

/** A produce request, as far as formats need it. */
export interface ProduceRequest {
  readonly topic: string;
  readonly body: Buffer;
  /** From the path; undefined when the path names none. */
  readonly partition: number | undefined;
  /** The query string without its question mark. */
  readonly query: string;
  /** Header names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

/** One produce format. */
export interface Format {
  /** @throws OnrampError 40001, 40402 */
  drafts(request: ProduceRequest): Draft[];
  /** Answers with the outcome of every record. @throws OnrampError when none was written */
  answer(res: ServerResponse, topic: string, receipts: Receipts): void;
}

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
