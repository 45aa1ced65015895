// A complete gateway in this process, on free ports, with a real configuration file.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "mocha";
import { type Gateway, startGateway } from "../../src/app/gateway.ts";
import type { Log } from "../../src/core/ports.ts";
import type { Clock } from "../../src/core/time.ts";
import { afterTest } from "./after-test.ts";
import { type AddedKinds, loadTestConfig } from "./config.ts";
import { untilReady } from "./http.ts";

export interface TestConfig {
  /** Kinds of adapters that are added to those of the build. */
  readonly kinds?: AddedKinds | undefined;
  readonly kafka?: object;
  readonly http?: object;
  readonly topics?: object;
  readonly webhooks?: object;
  readonly sources?: object;
  readonly sinks?: object;
  readonly devBroker?: object;
  readonly stop?: object;
  readonly log?: object;
  /** Further files in the folder of the configuration: name → content. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A line of the log. */
export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly event: string;
}

/** A log that stores its lines. */
export function keepingLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, event: string) =>
    void lines.push({ level, fields: fields as Record<string, unknown>, event });
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Writes a configuration (JSON is YAML) into a new folder. @returns the path of the file */
export function writeConfig({ files = {}, kinds: _, ...config }: TestConfig): string {
  const folder = mkdtempSync(path.join(tmpdir(), "onramp-test-"));
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
  const file = path.join(folder, "onramp.yaml");
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** Starts a gateway on `brokers`; it stops after the test. */
export async function startTestGateway(
  brokers: readonly string[],
  config: TestConfig = {},
  log: Log = keepingLog(),
  clock?: Clock,
): Promise<Gateway> {
  const gateway = await launch(brokers, config, log, clock);
  afterTest(gateway.stop);
  return gateway;
}

/** A gateway for a suite: started before it, stopped after. */
export function useGateway(
  brokers: () => readonly string[],
  config: () => TestConfig | Promise<TestConfig> = () => ({}),
): () => Gateway {
  let gateway: Gateway | undefined;
  before(async () => {
    gateway = await launch(brokers(), await config(), keepingLog());
    await untilReady(gateway);
  });
  after(async () => {
    await gateway?.stop();
  });
  return () => {
    if (!gateway) throw new Error("the gateway has not started");
    return gateway;
  };
}

async function launch(
  brokers: readonly string[],
  config: TestConfig,
  log: Log,
  clock?: Clock,
): Promise<Gateway> {
  const file = writeConfig({
    ...config,
    kafka: { brokers, ...config.kafka },
    http: { port: 0, ...config.http },
    stop: { drain: "0ms", ...config.stop },
  });
  const env = { ONRAMP_ADMIN_PORT: "0" };
  const options = { dev: false, requireAuth: false, ...(clock ? { clock } : {}) };
  const gateway = await startGateway(
    loadTestConfig(file, env, { log, now: clock?.now, sleep: clock?.sleep, kinds: config.kinds }),
    options,
    log,
  );
  let stopped: Promise<void> | undefined;
  // The test may stop it before the hook does.
  return { ...gateway, stop: () => (stopped ??= gateway.stop()) };
}
