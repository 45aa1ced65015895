// The parts of a process that a command uses, without a process.

import { PassThrough } from "node:stream";
import type { Io } from "../../src/commands/command.ts";

/** An `Io` whose outputs are kept, and which the test stops. */
export interface FakeIo extends Io {
  readonly input: PassThrough;
  readonly printed: { stdout: string; stderr: string };
  stop(): void;
}

export function fakeIo({
  env = {},
  isTerminal = false,
}: Partial<Pick<Io, "env" | "isTerminal">> = {}): FakeIo {
  const printed = { stdout: "", stderr: "" };
  const print =
    (output: keyof typeof printed, end = "") =>
    (text: string | Buffer): void => {
      printed[output] += `${text}${end}`;
    };
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  return {
    env,
    input: new PassThrough(),
    isTerminal,
    width: () => 80,
    out: print("stdout", "\n"),
    err: print("stderr", "\n"),
    write: async (text) => print("stdout")(text),
    outputClosed: new AbortController().signal,
    stopped,
    beforeExit: () => {},
    printed,
    stop: () => stop(),
  };
}
