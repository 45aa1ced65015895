// Programs of Debian that the tests start in the foreground (`.ci/run` installs them).

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterTest } from "./after-test.ts";
import { freePort, untilListening } from "./net.ts";

/** Whether a program is installed. @param option one with which it prints its version and ends */
export const isInstalled = (program: string, option: string): boolean =>
  spawnSync(program, [option], { stdio: "ignore" }).status === 0;

/** How a program is started that listens on one port. */
interface Listener {
  readonly program: string;
  /** The content of its configuration file. @param folder for its other files */
  readonly config: (port: number, folder: string) => string;
  readonly args: (configFile: string, folder: string) => string[];
}

/**
 * Starts a program that listens on a free port of 127.0.0.1, with its files in a folder of its own. It ends after the test.
 *
 * @returns the port, when it accepts connections
 */
export async function startListener({ program, config, args }: Listener): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), `onramp-${program}-`));
  afterTest(() => rmSync(folder, { recursive: true }));
  // A program that root starts may run its workers as another user.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const file = path.join(folder, `${program}.conf`);
  writeFileSync(file, config(port, folder));
  const child = spawn(program, args(file, folder), { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed += chunk));
  const ended = once(child, "exit");
  const end = (): void => void child.kill("SIGTERM");
  // A run that ends early leaves no processes.
  process.once("exit", end);
  afterTest(async () => {
    process.off("exit", end);
    end();
    await ended;
  });
  const exitCode = (): number | undefined => child.exitCode ?? undefined;
  await untilListening(port, exitCode).catch((error) => {
    const log = path.join(folder, "error.log");
    throw new Error(`${program}: ${error.message}\n${printed}${existsSync(log) ? readFileSync(log) : ""}`);
  });
  return port;
}
