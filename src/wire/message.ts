// Encodes and decodes complete requests and responses: length, header and body. Header versions follow KIP-482.

import { type Api, skipTags } from "./codec.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

const API_VERSIONS = 18;

/** The header fields that every version of every request has. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** Encodes a request: the four-byte length, the header and the body. */
export function encodeRequest<Q>(
  api: Api<Q, unknown>,
  apiVersion: number,
  header: Omit<RequestHeader, "apiKey" | "apiVersion">,
  body: Q,
): Buffer {
  const writer = new Writer();
  writer.int32(0);
  writeRequestHeader(writer, { apiKey: api.key, apiVersion, ...header }, apiVersion >= api.flexibleSince);
  writer.flexible = apiVersion >= api.flexibleSince;
  api.request.write(writer, body, apiVersion);
  return withLength(writer.bytes);
}

/** Writes a request header. `writer.flexible` must be false: the client id is never compact, in any version. */
export function writeRequestHeader(writer: Writer, header: RequestHeader, flexible: boolean): void {
  writer.int16(header.apiKey);
  writer.int16(header.apiVersion);
  writer.int32(header.correlationId);
  writer.string(header.clientId);
  if (flexible) writer.unsignedVarint(0);
}

/** Reads the fields of a request header that every version has. */
export function readRequestHeader(reader: Reader): RequestHeader {
  return {
    apiKey: reader.int16(),
    apiVersion: reader.int16(),
    correlationId: reader.int32(),
    clientId: reader.nullableString(),
  };
}

/** Reads the body of a request. The reader must be at the position after `readRequestHeader`. */
export function readRequestBody<Q>(api: Api<Q, unknown>, version: number, reader: Reader): Q {
  reader.flexible = version >= api.flexibleSince;
  if (reader.flexible) skipTags(reader);
  return api.request.read(reader, version);
}

/** Encodes a response: the four-byte length, the header and the body. */
export function encodeResponse<R>(
  api: Api<unknown, R>,
  version: number,
  correlationId: number,
  body: R,
): Buffer {
  const writer = new Writer();
  writer.int32(0);
  writer.int32(correlationId);
  writer.flexible = version >= api.flexibleSince;
  // ApiVersions keeps the old header, so that a client can read the response to a version that is not supported.
  if (writer.flexible && api.key !== API_VERSIONS) writer.unsignedVarint(0);
  api.response.write(writer, body, version);
  return withLength(writer.bytes);
}

/** Reads the body of a response. @param frame the frame, with the correlation id and without the length */
export function decodeResponse<R>(api: Api<unknown, R>, version: number, frame: Buffer): R {
  const reader = new Reader(frame, 4);
  reader.flexible = version >= api.flexibleSince;
  if (reader.flexible && api.key !== API_VERSIONS) skipTags(reader);
  return api.response.read(reader, version);
}

function withLength(message: Buffer): Buffer {
  message.writeInt32BE(message.length - 4, 0);
  return message;
}
