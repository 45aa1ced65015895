// The API in this process, with a log that the test controls: no Kafka, no configuration.

import { Budget } from "../../src/core/budget.ts";
import type { OnrampError } from "../../src/core/errors.ts";
import { createIngest } from "../../src/core/ingest.ts";
import type { AppendOptions, Meter, Readiness, RecordLog } from "../../src/core/ports.ts";
import { type AcceptedRecord, Receipts } from "../../src/core/record.ts";
import { adminApp } from "../../src/http/admin.ts";
import { Tickets } from "../../src/http/auth/tickets.ts";
import { createAuth } from "../../src/http/auth/tokens.ts";
import { type ApiDeps, apiListener, type Listening, listen } from "../../src/http/server.ts";
import { afterTest } from "./after-test.ts";

/** An append that waits for its outcome. */
export interface Append {
  readonly topic: string;
  readonly records: readonly AcceptedRecord[];
  readonly values: readonly string[];
  readonly options: AppendOptions;
  /** Reports every record as written, except those with the given indexes. */
  resolve(errors?: Readonly<Record<number, OnrampError>>): void;
  reject(error: unknown): void;
}

/** A log whose appends wait for the test, or complete at once. */
export function recordedLog({ waits = false } = {}) {
  const appends: Append[] = [];
  const wanted: { readonly count: number; readonly then: () => void }[] = [];
  let offset = 0;
  const log: RecordLog = {
    append: (topic, records, options) =>
      new Promise((resolve, reject) => {
        const values = records.map(({ value }) => `${value}`);
        const append: Append = {
          ...{ topic, records, values, options, reject },
          resolve(errors = {}) {
            const receipts = new Receipts(records.length);
            records.forEach(({ partition = 0, timestamp }, index) => {
              const error = errors[index];
              if (error) {
                receipts.fail(index, error);
                return;
              }
              receipts.partitions[index] = partition;
              receipts.offsets[index] = offset++;
              receipts.timestamps[index] = timestamp;
            });
            resolve(receipts);
          },
        };
        appends.push(append);
        options.onQueued?.();
        if (!waits) append.resolve();
        for (const { count, then } of wanted) if (appends.length >= count) then();
      }),
  };
  return {
    log,
    appends,
    /** All values, in the order in which they were appended. */
    values: () => appends.flatMap(({ values }) => values),
    /** Resolves with the last append when there were this many appends. */
    async append(count: number): Promise<Append> {
      if (appends.length < count)
        await new Promise<void>((then) => {
          wanted.push({ count, then });
        });
      return appends[count - 1] as Append;
    },
  };
}

/** The API on a port of its own; it closes after the test. */
export async function startApi({
  waits = false,
  budget = 1e9,
  ...deps
}: Partial<Omit<ApiDeps, "budget">> & { readonly waits?: boolean; readonly budget?: number } = {}) {
  const recorded = recordedLog({ waits });
  const reported: OnrampError[] = [];
  const draining = new AbortController();
  const counted: unknown[][] = [];
  const meter: Meter = {
    countAppended: (topic, receipts) => void counted.push(["appended", topic, receipts.count]),
    countRefused: (topic, _error, records) => void counted.push(["refused", topic, records]),
  };
  const { topics = new Map(), auth = createAuth(undefined) } = deps;
  const whole = new Budget(budget);
  const api: ApiDeps = {
    ingest: createIngest({ records: recorded.log, topics, namespace: "onramp", meter }),
    auth,
    tickets: new Tickets(undefined, auth, Date.now),
    checkFilter: () => {},
    maxBody: 1_000_000,
    maxRecords: 20_000,
    webhookLimits: { budget: new Budget(budget, { whole }) },
    deadlineMs: 10_000,
    webhooks: new Map(),
    now: Date.now,
    live: { open: async () => Promise.reject(new Error("no streams")) },
    catalog: { names: async () => [], describe: async () => Promise.reject(new Error("no catalog")) },
    topics,
    namespace: "onramp",
    origins: { allowed: [], loopbackOnly: false },
    contracts: new Map(
      ["openapi.yaml", "openapi-compat.yaml"].map((file) => [file, Buffer.from("openapi: 3.0.3\n")]),
    ),
    draining: draining.signal,
    report: (error) => void reported.push(error),
    ...deps,
    budget: whole,
  };
  const server: Listening = await listen(apiListener(api), 0, "127.0.0.1");
  let closed: Promise<void> | undefined;
  // The test may close it before the hook does.
  const close = (): Promise<void> => (closed ??= server.close());
  afterTest(() => {
    draining.abort();
    // A test that has failed may have left requests without an answer.
    for (const append of recorded.appends) append.reject(new Error("the test has ended"));
    return close();
  });
  return {
    ...recorded,
    apiUrl: `http://127.0.0.1:${server.port}`,
    budget: api.budget,
    close,
    reported,
    counted,
    drain: () => draining.abort(),
  };
}

/** The admin port, with these states of parts; it closes after the test. */
export async function startAdmin(parts: Readonly<Record<string, Readiness>> = {}, loopbackOnly = true) {
  const scrape = async () => ({ contentType: "text/plain; version=0.0.4; charset=utf-8", body: "a 1\n" });
  const sinks = () => [{ name: "s" }];
  const app = adminApp({ readiness: () => parts, scrape, sinks, sources: () => [], loopbackOnly });
  const server = await listen(app, 0, "127.0.0.1");
  afterTest(() => server.close());
  return { apiUrl: `http://127.0.0.1:${server.port}` };
}
