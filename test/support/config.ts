// Loads a configuration as `onramp` does, without a log.

import { adapters } from "../../src/app/adapters.ts";
import { type Config, loadConfig } from "../../src/config/load.ts";
import type { Log } from "../../src/core/ports.ts";
import type { SinkKind } from "../../src/core/sink.ts";
import type { SourceKind } from "../../src/core/source.ts";
import { type Clock, systemClock } from "../../src/core/time.ts";
import type { WebhookKind } from "../../src/core/webhook.ts";

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Kinds of adapters that a test adds to those of the build. */
export interface AddedKinds {
  readonly sinks?: readonly SinkKind[];
  readonly sources?: readonly SourceKind[];
  readonly webhooks?: readonly WebhookKind[];
}

export interface TestHooks {
  readonly log?: Log;
  /** Returns milliseconds since 1970. Default: the time of the system. */
  readonly now?: (() => number) | undefined;
  /** Default: a wait on the clock of the system. */
  readonly sleep?: Clock["sleep"] | undefined;
  readonly kinds?: AddedKinds | undefined;
}

export function loadTestConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  {
    log = SILENT,
    now = Date.now,
    sleep = systemClock.sleep,
    kinds: { sinks = [], sources = [], webhooks = [] } = {},
  }: TestHooks = {},
): Config {
  const families = {
    webhooks: { ...adapters.webhooks, kinds: [...adapters.webhooks.kinds, ...webhooks] },
    sources: { ...adapters.sources, kinds: [...adapters.sources.kinds, ...sources] },
    sinks: { ...adapters.sinks, kinds: [...adapters.sinks.kinds, ...sinks] },
  };
  return loadConfig(file, env, families, { now, sleep, log, onSlow() {} });
}
