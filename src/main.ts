#!/usr/bin/env node
// The entry point: checks the version of Node.js, handles arguments, signals and the exit code. The only file that uses `process`.

import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { joinNegativeValues, UsageError } from "./commands/arguments.ts";
import type { Command, Io } from "./commands/command.ts";
import { framesOf, messageOf, OperatorError, reasonOf } from "./core/errors.ts";
import { limitHeap } from "./core/heap.ts";

/** The oldest version of Node.js that is supported, as `engines` in package.json. */
const OLDEST = [20, 19] as const;
/** How long the exit waits for its last work, such as lines of the log, in milliseconds. */
const EXIT_MS = 500;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
limitHeap(major);

let stopped: Promise<void> | undefined;
const exitWork: (() => Promise<void>)[] = [];

/** The errors of an output whose reader has ended: of a pipe, and of a terminal. */
const NO_READER = ["EPIPE", "EIO"];

const outputClosed = new AbortController();
let isOutputLost = false;
process.stdout.on("error", ({ code = "" }: NodeJS.ErrnoException) => {
  outputClosed.abort();
  if (NO_READER.includes(code)) return;
  io.err(`The output cannot be written (${code}).`);
  isOutputLost = true;
  void exit(1);
});
// The messages to stderr are lost when they cannot be written, and the command continues.
process.stderr.on("error", () => {});

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
  get stopped() {
    stopped ??= new Promise((resolve) => {
      let signals = 0;
      const onSignal = (): void => {
        if (++signals > 1) void exit(1);
        resolve();
      };
      for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, onSignal);
    });
    return stopped;
  },
  beforeExit: (work) => void exitWork.push(work),
};

async function main(argv: readonly string[]): Promise<number> {
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    io.err(`Onramp needs Node.js ${OLDEST.join(".")} or later; this is ${process.versions.node}.`);
    return 1;
  }
  const [first = "start"] = argv;
  if (first === "--version") {
    io.out(JSON.parse(readFileSync(path.join(import.meta.dirname, "..", "package.json"), "utf8")).version);
    return 0;
  }
  // Imported after the check, because the libraries of the commands do not load on an older version.
  const { commands } = await import("./commands/register.ts");
  const named = commands.find((command) => command.name === first);
  if (!named && first !== "help" && !first.startsWith("-")) {
    io.err(`There is no command "${first}".`);
    for (const line of help(commands)) io.err(line);
    return 2;
  }
  const command = named ?? commands[0];
  try {
    const { values, positionals } = parse(
      command,
      first === "help" ? ["--help"] : named ? argv.slice(1) : argv,
    );
    if (values["help"] !== true) return await command.run(io, values, positionals);
    for (const line of help(commands)) io.out(line);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.err(`${error.message}\nUsage: onramp ${command.name} ${command.usage}`.trimEnd());
    return 2;
  }
}

/** @throws UsageError */
function parse(command: Command, argv: readonly string[]) {
  const options = { ...command.options, help: { type: "boolean", short: "h" } } as const;
  const args = joinNegativeValues(argv, options);
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
  const given = (parsed.tokens ?? []).flatMap((token) => (token.kind === "option" ? token.name : []));
  const twice = given.find((name, at) => given.indexOf(name) < at);
  if (twice !== undefined) throw new UsageError(`The option --${twice} is given twice.`);
  const surplus = parsed.positionals[command.maxArguments];
  if (surplus !== undefined) throw new UsageError(`Unexpected argument "${surplus}".`);
  return {
    values: parsed.values as Record<string, string | boolean | undefined>,
    positionals: parsed.positionals,
  };
}

function help(commands: readonly Command[]): string[] {
  return [
    "Usage: onramp [command]",
    "",
    ...commands.flatMap(({ name, usage, summary }) => [`  ${name} ${usage}`, `      ${summary}`]),
    "",
    "  --help, --version",
  ];
}

const unexpected = (error: unknown): string =>
  [`Unexpected error: ${reasonOf(error)}`, error instanceof Error ? framesOf(error) : ""]
    .join("\n")
    .trimEnd();

async function exit(code: number): Promise<void> {
  await Promise.race([Promise.allSettled(exitWork.map((work) => work())), delay(EXIT_MS)]);
  process.exit(isOutputLost ? 1 : code);
}

main(process.argv.slice(2)).then(exit, (error: unknown) => {
  io.err(error instanceof OperatorError ? error.message : unexpected(error));
  return exit(1);
});

// Node.js would print all properties of the error, such as a URL.
process.on("uncaughtException", (error) => {
  io.err(unexpected(error));
  process.exit(1);
});
