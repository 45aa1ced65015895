// A gateway under attack, and a canary: a client that posts one small record every 20 ms meanwhile, and whose posts must all
// succeed in a short time. The gateway, its broker and the canary each run in a process of their own.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { afterTest } from "./after-test.ts";
import { AskedProcess } from "./asked-process.ts";
import { describeIf } from "./broker.ts";
import type { CanaryPosts, CanaryQuestion } from "./canary-process.ts";
import { type TestConfig, writeConfig } from "./gateway.ts";
import { post, untilReady } from "./http.ts";
import { open, rss, type Started, start, watchRss } from "./process.ts";
import { bound, soak } from "./soak.ts";
import { until } from "./until.ts";

const MEGABYTE = 1024 * 1024;
const P99_MS = 250;
const HELD_MS = 100;
/** The memory that an attack may add to the base and `http.budget`. */
const ADDED_BYTES = 150 * MEGABYTE;
/** How long the canary posts at least, in milliseconds. */
const LEAST_ATTACK_MS = 1000;
const BUDGET_BYTES = 64 * MEGABYTE;

/**
 * A suite of attacks. It needs the machine for itself, so that it measures the gateway and delays no other test: `.ci/run` runs it
 * with `ONRAMP_ATTACKS=1`.
 */
export function describeAttack(title: string, suite: (this: Mocha.Suite) => void): void {
  describeIf(soak || process.env["ONRAMP_ATTACKS"] === "1", title, suite);
}

/** The topic of the canary. */
export const CANARY = "canary";

/** What the others noticed of an attack. */
export interface Harm extends CanaryPosts {
  /** How long the gateway's event loop was held at most, in milliseconds. */
  readonly heldMs: number;
  /** The resident memory that was added at most, in bytes. */
  readonly addedBytes: number;
}

/** A gateway to attack. */
export interface Target extends Started {
  /** Runs an attack next to the canary. @returns what the canary and the process noticed */
  attack(run: () => Promise<unknown>): Promise<Harm>;
}

/**
 * Starts a development broker and a gateway that creates the topics of `config`, and `canary`. Both stop after the test.
 *
 * @param nodeOptions further options of Node.js, such as `--max-old-space-size=150`
 */
export async function startTarget(config: TestConfig = {}, nodeOptions = ""): Promise<Target> {
  const brokerProcess = open(["dev-broker"], { ONRAMP_DEV_BROKER_PORT: "0", NODE_V8_COVERAGE: "" });
  const address = (): string | undefined => /listens on (\S+)\. /.exec(brokerProcess.printed.stdout)?.[1];
  await until(() => address() !== undefined);
  const file = writeConfig({
    ...config,
    kafka: { brokers: [address()], createTopics: true, ...config.kafka },
    topics: { [CANARY]: {}, ...config.topics },
    stop: { drain: "0ms", ...config.stop },
  });
  const monitor = new URL("loop-on-signal.mjs", import.meta.url).href;
  const gateway = await start(["start", "--config", file], {
    NODE_V8_COVERAGE: "",
    NODE_OPTIONS: `--import=${monitor} ${nodeOptions}`.trim(),
  });
  await untilReady(gateway);
  await until(async () => (await post(gateway, `/topics/${CANARY}`, undefined, "1")).status === 200);
  return { ...gateway, attack: (run) => attack(gateway, run) };
}

async function attack(gateway: Started, run: () => Promise<unknown>): Promise<Harm> {
  const canary = new AskedProcess<CanaryQuestion, CanaryPosts>("canary-process.ts");
  afterTest(() => canary.stop());
  await canary.ask({ url: gateway.apiUrl, path: `/topics/${CANARY}` });
  await heldMs(gateway);
  const base = rss(gateway.child.pid);
  const most = watchRss(gateway);
  await Promise.all([run(), delay(LEAST_ATTACK_MS)]);
  const posts = await canary.ask({ stop: true });
  const harm = { ...posts, heldMs: await heldMs(gateway), addedBytes: most() - base };
  console.log(
    `      ${posts.count} posts of the canary: p99 ${posts.p99Ms.toFixed(0)} ms, longest ${posts.longestMs.toFixed(0)} ms, failures ${JSON.stringify(posts.failures)}; event loop held for at most ${harm.heldMs.toFixed(0)} ms; ${(harm.addedBytes / MEGABYTE).toFixed(0)} MB added`,
  );
  return harm;
}

/** Asserts that an attack did not affect other clients. @param addedBytes the memory that it may add; default: the budget and 150 MB */
export function assertUnharmed(harm: Harm, addedBytes = BUDGET_BYTES + ADDED_BYTES): void {
  assert.deepEqual(harm.failures, {}, "all posts of the canary succeed");
  assert.ok(harm.count > 0);
  assert.ok(harm.p99Ms < bound(P99_MS), `p99 of the canary was ${harm.p99Ms.toFixed(0)} ms`);
  assert.ok(harm.heldMs < bound(HELD_MS), `the event loop was held for ${harm.heldMs.toFixed(0)} ms`);
  assert.ok(harm.addedBytes < addedBytes, `${(harm.addedBytes / MEGABYTE).toFixed(0)} MB were added`);
}

async function heldMs({ child, stderr }: Started): Promise<number> {
  const before = stderr().length;
  child.kill("SIGUSR2");
  const found = (): string | undefined => /^held ([\d.]+)$/m.exec(stderr().slice(before))?.[1];
  await until(() => found() !== undefined, 60_000);
  return Number(found());
}
