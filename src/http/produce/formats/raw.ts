// The raw format: the body is the value of one record, byte for byte. The query contains the
// key, partition and timestamp; `Kafka-Header-…` request headers become the record's headers.

import { isUtf8 } from "node:buffer";
import { OnrampError } from "../../../core/errors.ts";
import type { Draft, Header, Receipts } from "../../../core/record.ts";
import type { Format, ProduceRequest } from "./format.ts";
import { checkPartition, parameterOf, parseTimestamp } from "./values.ts";

const HEADER_PREFIX = "kafka-header-";
const NO_HEADERS: readonly Header[] = [];

/** The value may be any bytes. */
export const raw: Format = rawFormat(false);
/** The value must be JSON, as its content type says. */
export const rawJson: Format = rawFormat(true);

function rawFormat(json: boolean): Format {
  return {
    drafts(request) {
      const { body } = request;
      if (body.length === 0)
        throw new OnrampError(
          40001,
          "The body is empty. A raw record needs a value; to write a tombstone, send an envelope with a null value.",
        );
      const { key, headers, partition, timestamp } = baseDraft(request);
      // All formats set the same members in the same order, because V8 is faster with objects of the same
      // shape.
      const name = json ? "The body" : undefined;
      return [{ key, value: body, headers, partition, timestamp, parsed: undefined, json: name }];
    },
    answer(res, topic, receipts) {
      const body = receiptText(topic, receipts.orThrow(), 0);
      res.writeHead(200, { "content-type": "application/json", "content-length": body.length });
      res.end(body);
    },
  };
}

/** @returns one receipt as JSON */
export function receiptText(topic: string, receipts: Receipts, index: number): string {
  // The topic exists, so its name contains no character that JSON escapes.
  return `{"topic":"${topic}","partition":${receipts.partitions[index]},"offset":${receipts.offsets[index]},"timestamp":${receipts.timestamps[index]}}`;
}

/**
 * Builds a draft without a value from the query and the request's headers.
 *
 * @throws OnrampError 40001, 40402
 */
export function baseDraft({
  query,
  partition,
  rawHeaders,
}: Pick<ProduceRequest, "query" | "partition" | "rawHeaders">): Draft {
  const draft = { key: null, value: null, headers: headersOf(rawHeaders), partition, timestamp: undefined };
  return query === "" ? draft : { ...draft, ...parametersOf(query, partition) };
}

interface Parameters {
  key?: Buffer;
  partition?: number;
  timestamp?: number;
}

function parametersOf(query: string, pathPartition: number | undefined): Parameters {
  const found: Parameters = {};
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const [name, value] = parameterOf(pair);
    if (Object.hasOwn(found, name))
      throw new OnrampError(40001, `The query parameter "${name}" is given twice.`);
    if (name === "key") found.key = Buffer.from(value);
    else if (name === "timestamp") found.timestamp = parseTimestamp(value);
    else if (name === "partition") {
      if (pathPartition !== undefined)
        throw new OnrampError(40001, "The partition is given in the path and in the query; specify it once.");
      found.partition = checkPartition(/^\d+$/.test(value) ? Number(value) : -1);
    } else
      throw new OnrampError(
        40001,
        `The query parameter "${name.slice(0, 40)}" is not supported; use key, partition, timestamp or onError.`,
      );
  }
  return found;
}

/**
 * Reads `Kafka-Header-<name>: value` in the order of the request. Node decodes headers as latin1; clients
 * send UTF-8.
 */
function headersOf(rawHeaders: ProduceRequest["rawHeaders"]): readonly Header[] {
  let headers: Header[] | undefined;
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] as string;
    if (name.length <= HEADER_PREFIX.length || (name[0] !== "K" && name[0] !== "k")) continue;
    const lower = name.toLowerCase();
    if (!lower.startsWith(HEADER_PREFIX)) continue;
    const value = Buffer.from(rawHeaders[n + 1] as string, "latin1");
    if (!isUtf8(value))
      throw new OnrampError(40001, `The header "${lower.slice(0, 60)}" is not valid UTF-8.`);
    headers ??= [];
    headers.push({ key: lower.slice(HEADER_PREFIX.length), value });
  }
  return headers ?? NO_HEADERS;
}
