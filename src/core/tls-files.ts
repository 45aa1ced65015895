// The PEM files of a TLS client, for Kafka and for receivers: their options and their content.

import path from "node:path";
import { MAX_VALUE_FILE, readRegularFile } from "./files.ts";
import { file, type ValuesOf } from "./options.ts";

/** The options that name the files. */
export const tlsFiles = {
  ca: file("PEM file with the CA certificates that Onramp trusts."),
  cert: file("PEM file with Onramp's client certificate."),
  key: file("PEM file with the private key of that certificate."),
};

/** The content of the files that are configured. */
export type TlsFiles = { readonly [K in keyof typeof tlsFiles]?: Buffer };

/**
 * Reads the files that are configured.
 *
 * @param folder the folder that the paths are relative to
 * @throws FileFault when a file cannot be read, is not a regular file, or has more than 1 MB
 */
export function readTlsFiles(files: ValuesOf<typeof tlsFiles>, folder: string): TlsFiles {
  const read = (name: keyof typeof tlsFiles) => {
    const named = files[name];
    return named === undefined
      ? {}
      : { [name]: readRegularFile(path.resolve(folder, named), MAX_VALUE_FILE) };
  };
  return { ...read("ca"), ...read("cert"), ...read("key") };
}
