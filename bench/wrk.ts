// Generates load from another process: with wrk (Debian) if it is installed, else with autocannon (npm).

import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** One load. */
export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly body: string;
  readonly contentType: string;
  readonly authorization?: string | undefined;
  /** Requests per second over all connections; undefined for as many as possible. */
  readonly rate?: number | undefined;
}

/** The result of a load; latencies in milliseconds. */
export interface Outcome {
  readonly requests: number;
  readonly seconds: number;
  /** Responses other than 2xx, and requests without a response. */
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
}

const haveWrk = ((): boolean => {
  try {
    execFileSync("wrk", ["-v"], { stdio: "ignore" });
    return true;
  } catch (error) {
    // `wrk -v` prints its version and exits with 1.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
})();

/** The name of the load generator, for the report. */
export const generator = haveWrk ? "wrk" : "autocannon";

export const drive = (load: Load): Promise<Outcome> => (haveWrk ? wrk(load) : autocannon(load));

async function wrk(load: Load): Promise<Outcome> {
  const { url, connections, seconds, body, contentType, authorization, rate } = load;
  const script = path.join(mkdtempSync(path.join(tmpdir(), "onramp-bench-")), "load.lua");
  // A random pause of 0.5 to 1.5 times the mean, so that the connections do not send at the same time.
  const pause = rate === undefined ? 0 : (connections / rate) * 1000;
  writeFileSync(
    script,
    `wrk.method = "POST"
wrk.body = [==[${body}]==]
wrk.headers["content-type"] = "${contentType}"
${authorization === undefined ? "" : `wrk.headers["authorization"] = "${authorization}"`}
${rate === undefined ? "" : `function delay() return math.random(${Math.floor(pause / 2)}, ${Math.ceil((pause * 3) / 2)}) end`}
function done(summary, latency)
  local e = summary.errors
  print(string.format('RESULT {"requests":%d,"micros":%d,"failed":%d,"p50":%d,"p99":%d}', summary.requests,
    summary.duration, e.status + e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`,
  );
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script, url];
  const { stdout } = await run("wrk", args);
  const found = JSON.parse(/^RESULT (.*)$/m.exec(stdout)?.[1] ?? "{}") as Record<string, number>;
  const { requests = 0, micros = 1, failed = 0, p50 = 0, p99 = 0 } = found;
  return { requests, seconds: micros / 1e6, failed, p50: p50 / 1000, p99: p99 / 1000 };
}

async function autocannon(load: Load): Promise<Outcome> {
  const { url, connections, seconds, body, contentType, authorization, rate } = load;
  const args = [
    "--yes",
    "autocannon@8",
    "--json",
    "-m",
    "POST",
    "-c",
    String(connections),
    "-d",
    String(seconds),
  ];
  args.push("-b", body, "-H", `content-type=${contentType}`);
  if (authorization !== undefined) args.push("-H", `authorization=${authorization}`);
  if (rate !== undefined) args.push("-R", String(rate));
  const { stdout } = await run("npx", [...args, url], { maxBuffer: 64 * 1024 * 1024 });
  const found = JSON.parse(stdout) as {
    requests: { total: number };
    duration: number;
    non2xx: number;
    errors: number;
    latency: { p50: number; p99: number };
  };
  return {
    requests: found.requests.total,
    seconds: found.duration,
    failed: found.non2xx + found.errors,
    p50: found.latency.p50,
    p99: found.latency.p99,
  };
}
