// What the fuzz tests know about a decoder.

/** A decoder of bytes that Onramp did not write. */
export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs, which are mutated. */
  readonly samples: readonly Buffer[];
  /** Texts that mean something in the format, which are inserted into samples. Default: none. */
  readonly words?: readonly string[];
  /** The maximum size of an input, in bytes. Default: 64 KB. */
  readonly most?: number;
  /** Decodes an input. The result is kept until the memory is measured. */
  decode(input: Buffer): unknown;
  /** Whether the decoder may throw the error: its documentation names it. Default: no error. */
  allows?(error: unknown): boolean;
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** Allows the errors of these classes, but not those of their subclasses: a TypeError is not an Error here. */
export const only =
  (...classes: readonly ErrorClass[]) =>
  (error: unknown): boolean =>
    classes.some((each) => (error as Error | undefined)?.constructor === each);

export const texts = (...values: readonly string[]): Buffer[] => values.map((value) => Buffer.from(value));

/** Splits an input into chunks whose sizes depend on its length, as a connection does. */
export function chunksOf(input: Buffer): Buffer[] {
  const size = 1 + ((input.length * 7) % 97);
  // Long inputs arrive in large chunks.
  const step = input.length > 4096 ? size * 64 : size;
  return Array.from({ length: Math.ceil(input.length / step) }, (_, n) =>
    input.subarray(n * step, (n + 1) * step),
  );
}
