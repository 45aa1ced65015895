// Compression of batches by their attribute number: gzip from Node itself, the others from npm (docs/adr/0002).

import zlib from "node:zlib";
import type { BatchCompression } from "../wire/record-batch.ts";

export const COMPRESSIONS = ["none", "gzip"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** The codec that a batch is packed with; undefined for none. */
export function compressionOf(name: Compression): BatchCompression | undefined {
  if (name === "none") return undefined;
  return { attribute: 1, compress: (records) => zlib.gzipSync(records) };
}
