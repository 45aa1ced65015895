// Reads the files that the configuration names, within a bound: a FIFO or a device would otherwise hang or exhaust the process.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** The maximum size of a file with one value, such as a secret or a PEM file, in bytes. */
export const MAX_VALUE_FILE = 1024 * 1024;

/** The error of a file that cannot be read. The message names the cause, and neither the file nor its content. */
export class FileFault extends Error {
  override readonly name = "FileFault";
  /** The code of the system's error, such as ENOENT; undefined when the file is of another kind or too large. */
  readonly code: string | undefined;

  constructor(message: string, cause?: NodeJS.ErrnoException) {
    super(message, { cause });
    this.code = cause?.code;
  }
}

/**
 * Reads a regular file, or a symbolic link to one, as Kubernetes mounts secrets. A FIFO is opened without waiting for its writer.
 *
 * @param maxBytes the maximum size of the file
 * @throws FileFault when the file cannot be read, is not a regular file, or is larger
 */
export const readRegularFile = (file: string, maxBytes: number): Buffer =>
  read(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0), maxBytes, true);

/**
 * Reads a file of any kind, also a FIFO such as `<(sops -d onramp.yaml)`, whose writer it waits for.
 *
 * @param maxBytes the maximum number of bytes
 * @throws FileFault when the file cannot be read, or has more bytes
 */
export const readFileOfAnyKind = (file: string, maxBytes: number): Buffer =>
  read(file, constants.O_RDONLY, maxBytes, false);

function read(file: string, flags: number, maxBytes: number, isRegularOnly: boolean): Buffer {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, flags);
    // Checks the opened file and not the path, which may refer to another file by now.
    if (isRegularOnly && !fstatSync(descriptor).isFile()) throw new FileFault("it is not a regular file");
    return contentOf(descriptor, maxBytes);
  } catch (error) {
    if (error instanceof FileFault) throw error;
    throw new FileFault((error as NodeJS.ErrnoException).code ?? "unknown error", error as Error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Reads to the end: the size that the system reports may be 0 (as in /proc), and a file may grow. */
function contentOf(descriptor: number, maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const chunk = Buffer.alloc(64 * 1024);
    const count = readSync(descriptor, chunk, 0, chunk.length, null);
    if (count === 0) return Buffer.concat(chunks, length);
    length += count;
    if (length > maxBytes) throw new FileFault(`it has more than ${maxBytes} bytes`);
    chunks.push(chunk.subarray(0, count));
  }
}
