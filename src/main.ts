#!/usr/bin/env node
// The entry point: handles arguments, signals and the exit code. The only file that uses `process`.

import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { check } from "./commands/check.ts";
import { type Command, type Io, joinNegativeValues } from "./commands/command.ts";
import { devBroker } from "./commands/dev-broker.ts";
import { github } from "./commands/github.ts";
import { produce } from "./commands/produce.ts";
import { deadLetter, replay } from "./commands/replay.ts";
import { sources } from "./commands/sources.ts";
import { start } from "./commands/start.ts";
import { tail } from "./commands/tail.ts";
import { token } from "./commands/token.ts";
import { messageOf, OperatorError } from "./core/errors.ts";

// V8 otherwise lets garbage grow to two or three times the live data before it collects the old generation. Buffers of requests
// that were promoted to it would then push resident memory over its bound (promise 8).
setFlagsFromString("--heap-growing-percent=50");

const commands: readonly Command[] = [
  start,
  check,
  token,
  tail,
  produce,
  replay,
  deadLetter,
  sources,
  github,
  devBroker,
];

const exitWork: (() => Promise<void>)[] = [];

const outputClosed = new AbortController();
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  outputClosed.abort();
});
// When stderr has no reader, its messages are lost, and the command continues.
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

const io: Io = {
  env: process.env,
  get input() {
    return process.stdin;
  },
  isTerminal: process.stdout.isTTY === true,
  width: () => process.stdout.columns ?? 80,
  out: (line) => void process.stdout.write(`${line}\n`),
  write: (text) => new Promise((resolve) => void process.stdout.write(text, () => resolve())),
  outputClosed: outputClosed.signal,
  err: (line) => void process.stderr.write(`${line}\n`),
  stopped: new Promise((resolve) => {
    let signals = 0;
    const onSignal = (): void => {
      if (++signals > 1) void exit(1);
      resolve();
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  }),
  beforeExit: (work) => void exitWork.push(work),
};

async function main(argv: readonly string[]): Promise<number> {
  const [first = "start"] = argv;
  if (first === "--version") {
    io.out(JSON.parse(readFileSync(path.join(import.meta.dirname, "..", "package.json"), "utf8")).version);
    return 0;
  }
  if (argv.includes("--help") || argv.includes("-h") || first === "help") {
    for (const line of help()) io.out(line);
    return 0;
  }
  const named = commands.find((command) => command.name === first);
  if (!named && !first.startsWith("-")) {
    io.err(`There is no command "${first}".`);
    for (const line of help()) io.err(line);
    return 2;
  }
  const command = named ?? start;
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({
      args: joinNegativeValues(named ? argv.slice(1) : argv, command.options),
      options: command.options,
      allowPositionals: true,
    });
  } catch (error) {
    io.err(`${messageOf(error)}\nUsage: onramp ${command.name} ${command.usage}`);
    return 2;
  }
  return command.run(io, parsed.values as Record<string, string | boolean | undefined>, parsed.positionals);
}

function help(): string[] {
  return [
    "Usage: onramp [command]",
    "",
    ...commands.flatMap(({ name, usage, summary }) => [`  ${name} ${usage}`, `      ${summary}`]),
    "",
    "  --help, --version",
  ];
}

async function exit(code: number): Promise<void> {
  await Promise.all(exitWork.map((work) => work()));
  process.exit(code);
}

main(process.argv.slice(2)).then(exit, (error: unknown) => {
  const unexpected = error instanceof Error && !(error instanceof OperatorError);
  io.err(unexpected ? (error.stack ?? error.message) : messageOf(error));
  return exit(1);
});
