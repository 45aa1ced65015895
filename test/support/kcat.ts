// Debian's kcat, if it is installed (`.ci/run` installs it). Must not block, because the broker may be in
// this process.

import { strict as assert } from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

const installed = spawnSync("kcat", ["-V"], { stdio: "ignore" }).status === 0;

/** A test that needs kcat; pending without it. */
export function itWithKcat(title: string, test: Mocha.AsyncFunc): void {
  (installed ? it : it.skip)(title, test);
}

/** Runs kcat with `input` on its standard input, and returns what it prints. */
export async function kcat(args: readonly string[], input = ""): Promise<string> {
  const child = spawn("kcat", args, { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(input);
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => (printed += chunk));
  const [code] = await once(child, "close");
  assert.equal(code, 0, `the exit code of kcat ${args.join(" ")}`);
  return printed;
}
