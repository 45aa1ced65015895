// The PEM files of a TLS client, for Kafka and for receivers: their options and their content.

import { readFileSync } from "node:fs";
import path from "node:path";
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
 * @throws Error when a file cannot be read
 */
export function readTlsFiles(files: ValuesOf<typeof tlsFiles>, folder: string): TlsFiles {
  const read = (name: keyof typeof tlsFiles) => {
    const named = files[name];
    return named === undefined ? {} : { [name]: readFileSync(path.resolve(folder, named)) };
  };
  return { ...read("ca"), ...read("cert"), ...read("key") };
}
