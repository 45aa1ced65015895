// Prepares one run: connects, checks the server, provides publication and slot, checks that no change is missing, and starts the stream.

import { SourceError } from "../../core/source.ts";
import { Session } from "./connect.ts";
import { type Identity, missingChanges } from "./continuity.ts";
import { coveredLsn, type PostgresCursor } from "./cursor.ts";
import { formatLsn, parseLsn } from "./lsn.ts";
import { quoteIdentifier, quoteLiteral } from "./names.ts";
import type { Plan } from "./plan.ts";
import { checkServer, type ServerFacts } from "./preconditions.ts";
import { Publications, type Published } from "./publication.ts";
import { ReplicationStream } from "./replication-stream.ts";
import { Slot } from "./slot.ts";
import { Progress } from "./snapshot-progress.ts";

/** How long a statement waits for a lock, in milliseconds. Also the time that the creation of the slot waits for transactions. */
export const LOCK_MS = 1500;

/** The first version that can synchronize logical slots to standbys. */
const FAILOVER_VERSION = 170_000;

/** What a run uses. */
export interface Ready {
  readonly session: Session;
  readonly stream: ReplicationStream;
  readonly slot: Slot;
  readonly publications: Publications;
  readonly published: Published;
  /** The publications that the stream reads. */
  readonly names: readonly string[];
  readonly facts: ServerFacts;
  readonly cursor: PostgresCursor;
  /** The process of the server that sends the stream. */
  readonly pid: number;
  /** The end of the write-ahead log when the run began. */
  readonly beganAt: bigint;
  /** Set when changes are missing and `onSlotLost` allows to go on. */
  readonly lost: string | undefined;
  close(): void;
}

/**
 * @param excluded publications that the stream cannot read yet
 * @throws SourceError; the errors of PostgreSQL and of the network
 */
export async function setUp(
  plan: Plan,
  stored: PostgresCursor | undefined,
  signal: AbortSignal,
  sleep: (ms: number) => Promise<void>,
  excluded: ReadonlySet<string>,
): Promise<Ready> {
  const opened: { close(): void }[] = [];
  const close = (): void => {
    for (const each of opened.splice(0).reverse()) each.close();
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    const session = await Session.open(plan.server, plan.applicationName, LOCK_MS, false, signal);
    opened.push(session);
    const facts = await checkServer(session);
    if (plan.failover && facts.version < FAILOVER_VERSION)
      throw new SourceError(
        "blocked",
        "failover: true needs PostgreSQL 17 or later. Remove the option, or update the server.",
      );
    const replication = await Session.open(plan.server, plan.applicationName, LOCK_MS, true, signal);
    opened.push(replication);
    const identity = await identify(replication);
    const publications = new Publications(session, { ...plan.publication, version: facts.version });
    const slot = new Slot(plan.slot, session, facts.version);
    await slot.free(plan.applicationName, sleep);
    const history = await historyOf(replication, identity, stored);
    const missing =
      stored &&
      (missingChanges(stored, identity, await slot.read(), plan.slot, history) ??
        (await lostPublication(publications, plan)));
    // A source that writes no changes misses none.
    const lost = plan.snapshot === "only" ? undefined : missing;
    if (lost !== undefined && plan.onSlotLost === "stop") throw blockedBy(lost, plan.name);
    const published = await publications.ensure(
      true,
      missing !== undefined || (await slot.read()) === undefined,
    );
    const cursor =
      missing === undefined && stored
        ? { ...stored, timeline: identity.timeline }
        : {
            ...(await begin(plan, slot, replication, identity, missing !== undefined)),
            ...(lost === undefined && stored?.tables ? { tables: stored.tables } : {}),
          };
    if (plan.failover) await slot.setFailover(replication);
    const names = (await publications.names()).filter((each) => !excluded.has(each));
    const stream = new ReplicationStream(replication.takeSocket());
    opened.push(stream);
    // The server begins at what the slot has confirmed.
    await stream.start(
      `START_REPLICATION SLOT ${quoteIdentifier(plan.slot)} LOGICAL 0/0 (proto_version '1', publication_names ${quoteLiteral(names.map(quoteIdentifier).join(","))}, messages 'true')`,
      parseLsn(cursor.acked),
      facts.statusMs,
    );
    return {
      session,
      stream,
      slot,
      publications,
      published,
      names,
      pid: replication.pid,
      beganAt: identity.flushed,
      facts,
      cursor,
      lost,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Whether a source with `snapshot: only` has nothing left to read. */
export async function isSnapshotComplete(
  plan: Plan,
  { tables }: PostgresCursor,
  signal: AbortSignal,
): Promise<boolean> {
  const session = await Session.open(plan.server, plan.applicationName, LOCK_MS, false, signal);
  try {
    const { version } = await checkServer(session);
    const published = await new Publications(session, { ...plan.publication, version }).ensure(true);
    const progress = new Progress(tables, true);
    progress.setTables(published.tables.map(({ oid }) => oid));
    return progress.isComplete;
  } finally {
    session.close();
  }
}

async function identify(replication: Session): Promise<Identity> {
  const [row = {}] = await replication.query("IDENTIFY_SYSTEM");
  return {
    system: row["systemid"] ?? "",
    timeline: Number(row["timeline"]),
    flushed: parseLsn(row["xlogpos"] ?? "0/0"),
  };
}

async function historyOf(
  replication: Session,
  { timeline }: Identity,
  stored: PostgresCursor | undefined,
): Promise<string | undefined> {
  if (!stored || timeline <= stored.timeline) return undefined;
  const [row] = await replication.query(`TIMELINE_HISTORY ${timeline}`);
  return row?.["content"] ?? undefined;
}

/** A publication that was dropped has left a gap: the slot cannot decode what was written before it is created again. */
async function lostPublication(
  publications: Publications,
  { publication }: Plan,
): Promise<string | undefined> {
  return (await publications.names()).includes(publication.name)
    ? undefined
    : `the publication ${publication.name} was dropped: changes since then are missing`;
}

/** Provides a slot for a source that has no cursor, or that starts again. */
async function begin(
  plan: Plan,
  slot: Slot,
  replication: Session,
  { system, timeline }: Identity,
  isNew: boolean,
): Promise<PostgresCursor> {
  let state = await slot.read();
  if (state && (isNew || state.lostReason !== undefined)) {
    await slot.drop();
    state = undefined;
  }
  if (!state) {
    await slot.create(replication, plan.failover);
    state = await slot.read();
  }
  if (!state) throw new SourceError("passing", `the replication slot "${plan.slot}" was dropped again`);
  return { system, timeline, acked: formatLsn(state.confirmedLsn), lsn: "0/0", index: 0 };
}

export const blockedBy = (missing: string, name: string): SourceError =>
  new SourceError(
    "blocked",
    `Changes are missing: ${missing}. Onramp does not skip them. To continue without them, run: onramp sources set ${name} --from-start (the tables are read again, unless snapshot is never; rows that were deleted meanwhile are not reported), or set onSlotLost: snapshot.`,
  );

/** The text of the loss that the cursor's reset is reported with. */
export const lossText = (missing: string, stored: PostgresCursor): string =>
  `${missing}. The source continues with a new snapshot; before it, the last position was ${formatLsn(coveredLsn(stored))}`;
