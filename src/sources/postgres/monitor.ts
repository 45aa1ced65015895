// Watches the slot and the publication of a run, and reports what it sees.

import type { AdapterContext } from "../../core/adapter.ts";
import { type ReportProgress, SourceError } from "../../core/source.ts";
import { untilDeadline } from "../../core/time.ts";
import type { Plan } from "./plan.ts";
import { nameOf } from "./records/table.ts";
import type { Session } from "./server/connect.ts";
import { lostSlot } from "./server/continuity.ts";
import type { Published } from "./server/publication.ts";
import type { SlotState } from "./server/slot.ts";
import { slotReport } from "./server/slot-report.ts";
import { blockedBy, type Ready, readBy } from "./setup.ts";
import type { Progress } from "./snapshot/snapshot-progress.ts";

/** How long the server may take to answer a query about the slot, in milliseconds. */
const ANSWER_MS = 30_000;
const [SLOT_MS, PUBLICATION_MS, REPORT_MS] = [10_000, 60_000, 1000];

const lossOf = (tables: string): string =>
  `the tables ${tables} had left the publication: changes of them are missing. They were added again, and are read again unless snapshot is never`;

/** The watch of one run. */
export class Monitor {
  readonly #plan: Plan;
  readonly #context: AdapterContext;
  readonly #ready: Ready;
  readonly #progress: Progress;
  readonly #report: ReportProgress;
  readonly #onLoss: (message: string) => void;
  readonly #timers: NodeJS.Timeout[] = [];
  #published: Published;
  #slot: SlotState | undefined;
  #failure: unknown;
  #waiting: string | undefined;
  #warned = new Set<string>();
  readonly #own = new Set<string>();
  #committedUs: bigint | undefined;
  #idleAt = 0;
  #isStopped = false;

  /** @param onLoss called with what is known about changes that are missing */
  constructor(
    plan: Plan,
    context: AdapterContext,
    ready: Ready,
    progress: Progress,
    report: ReportProgress,
    onLoss: (message: string) => void,
  ) {
    this.#onLoss = onLoss;
    this.#plan = plan;
    this.#context = context;
    this.#ready = ready;
    this.#progress = progress;
    this.#report = report;
    this.#published = ready.published;
    ready.session.lost.catch((error: unknown) => this.fail(error));
  }

  /** The tables that the publications have now. */
  get published(): Published {
    return this.#published;
  }

  start(): void {
    const { isNewSlot, published } = this.#ready;
    this.#published = { ...published, tables: [] };
    this.#setPublished(published, isNewSlot);
    const every = (ms: number, work: () => Promise<void>): void => {
      this.#timers.push(setInterval(() => void work().catch((error: unknown) => this.fail(error)), ms));
    };
    every(SLOT_MS, () => this.#readSlot());
    every(PUBLICATION_MS, () => this.#readPublication());
    every(REPORT_MS, async () => this.#send());
    for (const first of [this.#readSlot(), this.#reportStrays()])
      first.catch((error: unknown) => this.fail(error));
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** The session that reads the tables, while there is one. */
  snapshotSession: Session | undefined;

  /** Makes the run fail, also while it waits for an answer of the server. */
  fail(error: unknown): void {
    if (this.#isStopped) return;
    this.#failure ??= error;
    this.#ready.close();
  }

  /** The failure that was noticed first. */
  get failure(): unknown {
    return this.#failure;
  }

  /** @throws the failure that was noticed */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Logs a warning once, and shows it on /sources. */
  warn(message: string): void {
    this.#own.add(message);
    this.#log([message]);
  }

  onCommit(committedUs: bigint): void {
    this.#committedUs = committedUs;
  }

  /** Everything that the server has sent was processed. */
  onIdle(): void {
    this.#idleAt = Date.now();
  }

  onWait(reason: string | undefined): void {
    this.#waiting = reason;
  }

  onProgress(): void {
    this.#send();
  }

  async #readSlot(): Promise<void> {
    const { host } = this.#plan.server;
    const state = await untilDeadline(
      this.#ready.slot.read(),
      Date.now() + ANSWER_MS,
      `PostgreSQL at ${host} has not answered a query for ${ANSWER_MS / 1000} s`,
    );
    const missing = lostSlot(state, this.#plan.slot);
    if (missing !== undefined && this.#plan.onSlotLost === "stop") throw blockedBy(missing, this.#plan.name);
    if (missing !== undefined) throw new SourceError("passing", missing);
    const { stream, pid } = this.#ready;
    if (state?.activePid !== pid)
      throw new SourceError("passing", "PostgreSQL has ended the replication connection");
    const silentMs = Date.now() - stream.arrivedAt;
    // A server that decodes changes of other tables may send nothing for minutes. One that waits answers.
    if (silentMs > ANSWER_MS && state.isWaiting && !stream.isPaused)
      throw new SourceError(
        "passing",
        `nothing has arrived on the replication connection for ${Math.round(silentMs / 1000)} s, although PostgreSQL waits for it`,
      );
    if (silentMs > SLOT_MS) stream.sendStatus(true);
    await this.#checkSnapshot();
    this.#slot = state;
    this.#send();
  }

  /** Fails if the session of the snapshot waits for an answer that the server has sent, or will not send. */
  async #checkSnapshot(): Promise<void> {
    const { snapshotSession } = this;
    if (!snapshotSession || snapshotSession.busyMs < ANSWER_MS) return;
    const isActive = await this.#ready.slot.isActive(snapshotSession.pid);
    if (!isActive && snapshotSession.busyMs >= ANSWER_MS)
      throw new SourceError("passing", "the connection that reads the tables does not answer");
  }

  /** Slots that nobody reads retain write-ahead log until the disk is full. */
  async #reportStrays(): Promise<void> {
    const { slotPrefix, slots } = this.#plan;
    for (const name of await this.#ready.slot.strays(slotPrefix, slots))
      this.warn(
        `the replication slot "${name}" begins with "${slotPrefix}", but no configured source uses it, and it retains write-ahead log. If no other installation uses it, run: SELECT pg_drop_replication_slot('${name}');`,
      );
  }

  /** Whether the slot has passed the creation of publications that the stream does not read. */
  #mayRestart(): boolean {
    return this.#ready.stream.ackedLsn >= this.#ready.beganAt;
  }

  async #readPublication(): Promise<void> {
    const { publications, names, cursor } = this.#ready;
    const { name } = this.#plan.publication;
    const main = (await publications.existing()).find((each) => each.name === name);
    if (main?.oid !== cursor.publication)
      throw new SourceError("passing", `the publication ${name} was dropped, or created again`);
    this.#setPublished(readBy(await publications.ensure(false), names), false);
    if ((await publications.existing()).length > names.length && this.#mayRestart())
      throw new SourceError("passing", "the source starts again, to read another publication");
    this.#ready.stream.wake();
  }

  #setPublished(published: Published, isNewSlot: boolean): void {
    const before = new Map(this.#published.tables.map(({ oid, members }) => [oid, members]));
    // Tables that were added again by another program have other members.
    const again = published.tables.filter(({ oid, members }) => (before.get(oid) ?? members) !== members);
    const added = [...published.added, ...again.map(({ oid }) => oid)];
    const wasRead = this.#progress.forget(added);
    const left = [...new Set(added)].filter((oid) => wasRead.includes(oid) || before.has(oid));
    this.#published = published;
    this.#progress.setTables(
      published.tables.map(({ oid }) => oid),
      isNewSlot ? undefined : published.snapshot,
    );
    if (left.length > 0 && !isNewSlot) this.#onLoss(lossOf(left.map((oid) => this.#nameOf(oid)).join(", ")));
    this.#log(published.warnings);
  }

  #log(warnings: readonly string[]): void {
    const { name, log } = this.#context;
    for (const reason of warnings)
      if (!this.#warned.has(reason)) log.warn({ source: name, reason }, "the source needs attention");
    this.#warned = new Set([...this.#published.warnings, ...this.#own]);
  }

  #send(): void {
    const { current, pending } = this.#progress;
    const { details, gauges } = slotReport(this.#slot);
    this.#report({
      lag: this.#slot?.lagBytes,
      gauges: {
        ...gauges,
        onramp_postgres_lag_seconds: this.#lagSeconds,
        onramp_postgres_snapshot_tables_remaining: pending.length + (current ? 1 : 0),
        ...(current ? { onramp_postgres_snapshot_rows: { [this.#nameOf(current.oid)]: current.rows } } : {}),
        onramp_postgres_warnings: this.#warned.size,
      },
      details: {
        ...details,
        isStreaming: this.#slot !== undefined,
        lagSeconds: this.#lagSeconds,
        snapshot: current
          ? { table: this.#nameOf(current.oid), rows: current.rows, tablesRemaining: pending.length + 1 }
          : null,
        waitsFor: this.#waiting ?? null,
        warnings: [...this.#warned],
      },
    });
  }

  #nameOf(oid: number): string {
    const table = this.#published.tables.find((each) => each.oid === oid);
    return table ? nameOf(table) : String(oid);
  }

  /** The age of the last change that was processed, unless everything that the server sent was. */
  get #lagSeconds(): number {
    if (this.#committedUs === undefined || Date.now() - this.#idleAt < 2 * REPORT_MS) return 0;
    return Math.max(0, (this.#context.now() - Number(this.#committedUs / 1000n)) / 1000);
  }
}
