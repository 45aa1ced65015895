// The envelope formats of Confluent's REST Proxy v2 and Strimzi's HTTP Bridge: several records per request,
// as JSON, base64 or text. docs/http.md describes the behavior where the two differ.

import type { ServerResponse } from "node:http";
import { RECORD_OVERHEAD } from "../../../core/budget.ts";
import { type ErrorCode, MOST_DETAILS, OnrampError } from "../../../core/errors.ts";
import type { Draft, Receipts } from "../../../core/record.ts";
import { yieldToEventLoop } from "../../../core/time.ts";
import { problemHeaders } from "../../problem.ts";
import { writtenBody } from "./envelope-answer.ts";
import { EnvelopeReader } from "./envelope-reader.ts";
import type { Format, ProduceRequest } from "./format.ts";
import { base64Bytes, type Decode, jsonBytes, textBytes } from "./record-members.ts";

/** The three envelope formats. */
export interface Envelopes {
  /** Keys and values are JSON, stored byte for byte. */
  readonly json: Format;
  /** Keys and values are base64. */
  readonly binary: Format;
  /** Keys and values are strings. */
  readonly text: Format;
}

/** @param answerType the content type of the answers, which are the same JSON in all three formats */
const envelopesOf = (answerType: string): Envelopes => ({
  json: envelope(jsonBytes, answerType),
  binary: envelope(base64Bytes, answerType),
  text: envelope(textBytes, answerType),
});

/** The envelopes of `POST /topics/{topic}`, answered as Confluent's REST Proxy v2 answers. */
export const envelopes: Envelopes = envelopesOf("application/vnd.kafka.v2+json");
/** The envelopes of `POST /topics/{topic}/batch`, answered as plain JSON, which every generated client reads. */
export const batches: Envelopes = envelopesOf("application/json");

function envelope(decode: Decode, answerType: string): Format {
  return {
    drafts(request) {
      const { body, query, partition, maxRecords } = request;
      if (query !== "")
        throw new OnrampError(
          40001,
          "An envelope accepts no query parameter except onError; set key, partition and timestamp in its records.",
        );
      const reader = new EnvelopeReader(body, { decode, partition, maxRecords });
      return chargedStep(reader, request) ? readRest(reader, request) : reader.drafts();
    },
    answer: (res, _topic, receipts) => answerEnvelope(res, answerType, receipts),
  };
}

/** Reads some records, and takes what they cost from the budget. @returns whether the envelope continues */
function chargedStep(reader: EnvelopeReader, { charge }: ProduceRequest): boolean {
  const before = reader.count;
  const continues = reader.readStep();
  charge((reader.count - before) * RECORD_OVERHEAD);
  return continues;
}

async function readRest(reader: EnvelopeReader, request: ProduceRequest): Promise<Draft[]> {
  do {
    const pause = yieldToEventLoop();
    if (pause !== undefined) await pause;
  } while (chargedStep(reader, request));
  return reader.drafts();
}

function answerEnvelope(res: ServerResponse, type: string, receipts: Receipts): void {
  const { errors, count } = receipts;
  const failures = errors?.filter((error) => error !== undefined) ?? [];
  if (failures.length === count) {
    const status = failures.find((error) => error.known === "unknown") ?? (failures[0] as OnrampError);
    const details = (errors ?? []).slice(0, MOST_DETAILS).map((error, index) => ({
      index,
      error_code: error?.code as ErrorCode,
      message: error?.message ?? "",
    }));
    throw new OnrampError(status.code, status.message, { errors: details, cause: status });
  }
  const body = failures.length === 0 ? writtenBody(receipts) : bodyWithErrors(receipts);
  const retry = failures.find((error) => error.retryAfter !== undefined);
  res.writeHead(200, {
    "content-type": type,
    "content-length": body.length,
    ...(retry ? problemHeaders(retry) : {}),
  });
  res.end(body);
}

function bodyWithErrors({ errors, count, partitions, offsets }: Receipts): Buffer {
  const outcomes: string[] = [];
  for (let n = 0; n < count; n++) {
    const error = errors?.[n];
    const message = error && JSON.stringify(error.message);
    outcomes.push(
      error
        ? `{"partition":null,"offset":null,"error_code":${error.code},"error":${message},"message":${message}}`
        : `{"partition":${partitions[n]},"offset":${offsets[n]},"error_code":null,"error":null}`,
    );
  }
  return Buffer.from(`{"offsets":[${outcomes.join(",")}],"key_schema_id":null,"value_schema_id":null}`);
}
