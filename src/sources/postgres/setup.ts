// Prepares one run: connects, checks the server, provides publication and slot, checks that no change is missing, and starts the stream.

import { type ReportProgress, SourceError } from "../../core/source.ts";
import { coveredLsn, type PostgresCursor } from "./cursor.ts";
import type { Plan } from "./plan.ts";
import { checkTopics } from "./relations.ts";
import { Session } from "./server/connect.ts";
import { type Identity, missingChanges } from "./server/continuity.ts";
import { quoteIdentifier, quoteLiteral } from "./server/names.ts";
import { checkServer, type ServerFacts } from "./server/preconditions.ts";
import { type ExistingPublication, Publications, type Published } from "./server/publication.ts";
import { Slot } from "./server/slot.ts";
import { slotReport } from "./server/slot-report.ts";
import { Progress } from "./snapshot/snapshot-progress.ts";
import { formatLsn, parseLsn } from "./stream/lsn.ts";
import { ReplicationStream } from "./stream/replication-stream.ts";

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
  /** Whether the slot is newer than the publications. */
  readonly isNewSlot: boolean;
  /** The publications that the stream reads. */
  readonly names: readonly string[];
  readonly facts: ServerFacts;
  readonly cursor: PostgresCursor;
  /** The process of the server that sends the stream. */
  readonly pid: number;
  /** The end of the write-ahead log when the run began. */
  readonly beganAt: bigint;
  /** Set when changes are missing and `onSlotLost` lets the source continue. */
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
  report: ReportProgress,
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
    const before = (await publications.existing()).find(({ name }) => name === plan.publication.name);
    checkOwner(before, plan);
    await slot.free(plan.applicationName, sleep);
    const history = await historyOf(replication, identity, stored);
    const state = await slot.read();
    report(slotReport(state));
    const isSame = before !== undefined && [undefined, before.oid].includes(stored?.publication);
    const missing =
      stored &&
      (missingChanges(stored, identity, state, plan.slot, history) ??
        // The slot cannot decode the changes until the publication was created again.
        (isSame
          ? undefined
          : `the publication ${plan.publication.name} was dropped: changes since then are missing`));
    // With `snapshot: only`, changes that are missing do not block the source.
    const lost = plan.snapshot === "only" ? undefined : missing;
    if (lost !== undefined && plan.onSlotLost === "stop") throw blockedBy(lost, plan.name);
    const isStale = missing !== undefined || !before || state?.lostReason !== undefined;
    const published = await publications.ensure(true, isStale || !state);
    checkTopics(published.tables);
    const continues = missing === undefined && stored;
    if (!continues) await provideSlot(plan, slot, replication, isStale);
    const cursor = continues
      ? { ...stored, timeline: identity.timeline }
      : {
          ...(await firstCursor(slot, identity)),
          ...(lost === undefined && stored?.tables ? { tables: stored.tables } : {}),
        };
    if (plan.failover) await slot.setFailover(replication);
    const existing = await publications.existing();
    const names = existing.map(({ name }) => name).filter((name) => !excluded.has(name));
    const { oid } = existing.find(({ name }) => name === plan.publication.name) ?? {};
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
      published: readBy(published, names),
      isNewSlot: !continues && (isStale || !state),
      names,
      pid: replication.pid,
      beganAt: identity.flushed,
      facts,
      cursor: oid === undefined ? cursor : { ...cursor, publication: oid },
      lost,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** What of the publications a stream reads. @param names the publications that it reads */
export const readBy = ({ tables, ...published }: Published, names: readonly string[]): Published => ({
  ...published,
  tables: tables.filter(({ publications }) => publications.some((each) => names.includes(each))),
});

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
    progress.setTables(
      published.tables.map(({ oid }) => oid),
      undefined,
    );
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

/** Slots and publications of different namespaces can have the same name. @throws SourceError when another installation uses them */
function checkOwner(
  publication: ExistingPublication | undefined,
  { publication: { comment }, name }: Plan,
): void {
  if (!publication?.comment.startsWith("Created by Onramp") || publication.comment === comment) return;
  throw new SourceError(
    "blocked",
    `The publication "${publication.name}" belongs to another installation ("${publication.comment}"). Set the options slot and publication of the source ${name} to other names.`,
  );
}

/** Creates the slot, if there is none. @param isStale whether one that exists cannot be used */
async function provideSlot(plan: Plan, slot: Slot, replication: Session, isStale: boolean): Promise<void> {
  if (isStale) await slot.drop();
  if (isStale || !(await slot.read())) await slot.create(replication, plan.failover);
}

async function firstCursor(slot: Slot, { system, timeline }: Identity): Promise<PostgresCursor> {
  const state = await slot.read();
  if (!state) throw new SourceError("passing", `the replication slot "${slot.name}" was dropped again`);
  return { system, timeline, acked: formatLsn(state.confirmedLsn), lsn: "0/0", index: 0 };
}

export const blockedBy = (missing: string, name: string): SourceError =>
  new SourceError(
    "blocked",
    `Changes are missing: ${missing}. Onramp does not skip them. To continue without them, run: onramp sources set ${name} --from-start (the tables are read again, unless snapshot is never; rows that were deleted meanwhile are not reported), or set onSlotLost: snapshot.`,
  );

/** The text of the loss that the cursor's reset is reported with. */
export const lossText = (missing: string, stored: PostgresCursor): string =>
  `${missing}. The source continues with a new slot; the last position that was written to Kafka is ${formatLsn(coveredLsn(stored))}`;
