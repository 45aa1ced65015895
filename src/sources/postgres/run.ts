// What the source does once it runs. Imported then, because a process without such a source needs none of it.

import type { AdapterContext } from "../../core/adapter.ts";
import type { Batch, ReportProgress } from "../../core/source.ts";
import { systemClock } from "../../core/time.ts";
import type { PostgresCursor } from "./cursor.ts";
import type { Plan } from "./plan.ts";
import { Session } from "./server/connect.ts";
import { failureOf, isMissingObject } from "./server/failures.ts";
import { insertsName } from "./server/names.ts";
import { checkServer } from "./server/preconditions.ts";
import { Publications } from "./server/publication.ts";
import { Slot } from "./server/slot.ts";
import { isSnapshotComplete, LOCK_MS, setUp } from "./setup.ts";
import { StreamRun } from "./stream-run.ts";

/** How often a source that has nothing left to do reports that it is alive, in milliseconds. */
const REPORT_MS = 10_000;

/** Waits: a source that ends counts as failed. */
async function untilStopped(
  signal: AbortSignal,
  report: ReportProgress,
  { sleep }: AdapterContext,
): Promise<never> {
  for (;;) {
    report({ details: { snapshot: "complete" } });
    await sleep(REPORT_MS, signal);
  }
}

/** Drops the slot and the publications that Onramp created. */
export async function release(plan: Plan, signal: AbortSignal): Promise<string> {
  const { server, applicationName, publication } = plan;
  let session: Session | undefined;
  try {
    session = await Session.open(server, `${applicationName}:forget`, LOCK_MS, false, signal);
    const { version } = await checkServer(session);
    const slot = new Slot(plan.slot, session, version);
    await slot.free(applicationName, (ms) => systemClock.sleep(ms, signal));
    await slot.drop();
    const dropped = await new Publications(session, { ...publication, version }).drop();
    return [
      `the replication slot "${plan.slot}"`,
      ...dropped.map((name) => `the publication "${name}"`),
    ].join(", ");
  } catch (error) {
    throw failureOf(error, server, "drop the replication slot");
  } finally {
    session?.close();
  }
}

/**
 * Runs the source.
 *
 * @param excluded publications that the last run could not read; kept between runs
 */
export async function* runPostgres(
  plan: Plan,
  context: AdapterContext,
  cursor: PostgresCursor | undefined,
  signal: AbortSignal,
  report: ReportProgress,
  excluded: Set<string>,
): AsyncGenerator<Batch<PostgresCursor>, void> {
  const inserts = insertsName(plan.publication.name);
  const sleep = (ms: number): Promise<void> => context.sleep(ms, signal);
  try {
    if (plan.snapshot === "only" && cursor && (await isSnapshotComplete(plan, cursor, signal)))
      await untilStopped(signal, report, context);
    const ready = await setUp(plan, cursor, signal, sleep, excluded, report);
    // A later run may read the publication: by then, the slot is at a position after its creation.
    excluded.clear();
    try {
      yield* new StreamRun(plan, context, ready, signal, report).run(cursor);
      // Only with `snapshot: only`: the slot would retain write-ahead log that nothing needs.
      ready.stream.close();
      await ready.slot.free(plan.applicationName, sleep);
      await ready.slot.drop();
    } finally {
      ready.close();
    }
    await untilStopped(signal, report, context);
  } catch (error) {
    signal.throwIfAborted();
    // The slot cannot decode changes from before the creation of a publication.
    if (isMissingObject(error, inserts)) excluded.add(inserts);
    throw failureOf(error, plan.server, "stream changes");
  }
}
