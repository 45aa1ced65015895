// One run of the source: reads the stream and the snapshots, and yields their records with the cursor after them.

import type { AdapterContext } from "../../core/adapter.ts";
import type { Batch, ReportProgress } from "../../core/source.ts";
import { yieldToEventLoop } from "../../core/time.ts";
import { Batches } from "./batches.ts";
import { ChangeHandler } from "./change-handler.ts";
import type { PostgresCursor } from "./cursor.ts";
import { Monitor } from "./monitor.ts";
import type { Plan } from "./plan.ts";
import { ChangeRecords } from "./records/changes.ts";
import { Envelopes } from "./records/envelope.ts";
import { headersOf } from "./records/headers.ts";
import { nameOf } from "./records/table.ts";
import { TextBuffer } from "./records/text-buffer.ts";
import { Relations } from "./relations.ts";
import { Catalog } from "./server/catalog.ts";
import { Session } from "./server/connect.ts";
import { Publications } from "./server/publication.ts";
import { LOCK_MS, lossText, type Ready } from "./setup.ts";
import { Snapshot } from "./snapshot/snapshot.ts";
import type { SnapshotRows } from "./snapshot/snapshot-deps.ts";
import { Progress } from "./snapshot/snapshot-progress.ts";
import { SnapshotTargets } from "./snapshot/targets.ts";

/** How often a position of an idle server is committed and acknowledged, in milliseconds. */
const IDLE_ACK_MS = 10_000;
/** How often the run looks at what is due, in milliseconds. */
const TICK_MS = 500;
/** The number of messages between two looks at the time. */
const MESSAGES = 64;

type Batched = Batch<PostgresCursor>;
type Taken = ReturnType<Batches["take"]> & { readonly buffers: readonly Buffer[] };

/** One run. `run` is called once. */
export class StreamRun {
  readonly #plan: Plan;
  readonly #context: AdapterContext;
  readonly #ready: Ready;
  readonly #signal: AbortSignal;
  readonly #relations: Relations;
  readonly #catalog: Catalog;
  readonly #records: ChangeRecords;
  readonly #progress: Progress;
  readonly #batches: Batches;
  readonly #monitor: Monitor;
  readonly #handler: ChangeHandler;
  readonly #texts = new TextBuffer();
  #ackedAt = Date.now();
  #heartbeatAt = 0;
  /** Whether a batch is being committed. */
  #isCommitting = false;
  #isEnded = false;
  /** Set while a table without a key is read. */
  #readingAtOnce: AsyncGenerator<SnapshotRows, void> | undefined;

  constructor(
    plan: Plan,
    context: AdapterContext,
    ready: Ready,
    signal: AbortSignal,
    report: ReportProgress,
  ) {
    this.#plan = plan;
    this.#context = context;
    this.#ready = ready;
    this.#signal = signal;
    const { session, cursor } = ready;
    this.#catalog = new Catalog(session);
    this.#relations = new Relations(plan, this.#catalog);
    const { topicPrefix, schemas, tombstones, server } = plan;
    this.#records = new ChangeRecords({
      envelopes: new Envelopes({ prefix: topicPrefix, database: server.database, schemas }, this.#texts),
      topicPrefix,
      tombstones,
      headers: headersOf(topicPrefix),
      now: context.now,
    });
    this.#progress = new Progress(cursor.tables, plan.snapshot !== "never");
    this.#batches = new Batches(cursor, this.#progress);
    const onLoss = (message: string): void => this.#batches.addLoss(message);
    this.#monitor = new Monitor(plan, context, ready, this.#progress, report, onLoss);
    this.#handler = new ChangeHandler({
      plan,
      context,
      records: this.#records,
      relations: this.#relations,
      batches: this.#batches,
      progress: this.#progress,
      monitor: this.#monitor,
      acked: ready.stream.ackedLsn,
    });
  }

  /** Ends only with `snapshot: only`, when all tables are read. */
  async *run(stored: PostgresCursor | undefined): AsyncGenerator<Batched, void> {
    const { stream, lost } = this.#ready;
    this.#monitor.start();
    const wake = (): void => stream.wake();
    const tick = setInterval(wake, TICK_MS);
    this.#signal.addEventListener("abort", wake, { once: true });
    try {
      // The position of a new slot is committed before anything is read, so that a slot that is moved later is noticed.
      if (stored && lost !== undefined) this.#batches.addLoss(lossText(lost, stored));
      let next = !stored || lost !== undefined ? this.#take() : await this.#fill();
      while (next) {
        this.#isCommitting = true;
        // The next batch is filled while Kafka commits this one.
        const filling = this.#fill();
        filling.catch(() => {});
        yield next.batch;
        this.#isCommitting = false;
        this.#ackedAt = Date.now();
        stream.ack(next.acked);
        this.#texts.release(next.buffers);
        stream.wake();
        next = await filling;
      }
    } catch (error) {
      throw stream.serverError ?? this.#monitor.failure ?? error;
    } finally {
      this.#isEnded = true;
      stream.wake();
      clearInterval(tick);
      this.#signal.removeEventListener("abort", wake);
      this.#monitor.stop();
      this.#monitor.snapshotSession?.close();
    }
  }

  #take(): Taken {
    return { ...this.#batches.take(), buffers: this.#texts.take() };
  }

  /** Reads until a batch is complete. @returns undefined when nothing is left to do */
  async #fill(): Promise<Taken | undefined> {
    const { stream } = this.#ready;
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#isEnded) return undefined;
      this.#monitor.check();
      const isDrained = this.#readingAtOnce
        ? await this.#readAtOnce(this.#readingAtOnce)
        : await this.#readSome();
      if (isDrained) this.#onIdle();
      if (this.#batches.isFull) return this.#take();
      if (!isDrained) continue;
      // More is collected while Kafka commits.
      if (!this.#isCommitting) {
        if (this.#batches.isDue || this.#isAckDue()) return this.#take();
        if (this.#plan.snapshot === "only" && this.#progress.isComplete) return undefined;
      }
      await stream.wait();
    }
  }

  /** Processes messages that have arrived. @returns whether all were */
  async #readSome(): Promise<boolean> {
    const { stream } = this.#ready;
    if (!this.#handler.isInTransaction && !this.#progress.isComplete) await this.#advanceSnapshot();
    for (let n = 0; n < MESSAGES && !this.#batches.isFull && !this.#readingAtOnce; n++) {
      const change = stream.next();
      if (!change) return true;
      const reading = this.#handler.handle(change);
      if (reading !== undefined) await reading;
    }
    await yieldToEventLoop();
    return false;
  }

  /** Adds rows of a table without a key. @returns false: the stream waits */
  async #readAtOnce(reading: AsyncGenerator<SnapshotRows, void>): Promise<boolean> {
    const { value: rows, done } = await reading.next();
    if (done) this.#readingAtOnce = undefined;
    else await this.#handler.addReadRows(rows, `${this.#ready.stream.receivedLsn}`);
    return false;
  }

  /** Called when everything that has arrived was processed. */
  #onIdle(): void {
    const { stream } = this.#ready;
    if (this.#handler.isInTransaction) return;
    this.#batches.complete(stream.receivedLsn);
    this.#monitor.onIdle();
    const { heartbeatMs } = this.#plan;
    if (heartbeatMs === undefined || Date.now() < this.#heartbeatAt) return;
    this.#heartbeatAt = Date.now() + heartbeatMs;
    this.#batches.add([this.#records.heartbeat()]);
  }

  #isAckDue(): boolean {
    const { stream } = this.#ready;
    if (!this.#batches.hasAckable || this.#handler.isInTransaction) return false;
    // A server that stops waits until the client has acknowledged everything.
    if (!stream.isAnswerWanted && Date.now() - this.#ackedAt < IDLE_ACK_MS) return false;
    stream.isAnswerWanted = false;
    return true;
  }

  async #advanceSnapshot(): Promise<void> {
    this.#handler.snapshot ??= await this.#openSnapshot();
    const { snapshot } = this.#handler;
    const whole = await snapshot.advance();
    if (!whole) return;
    this.#monitor.warn(
      `table ${nameOf(whole.table)} has no key: its rows are read in one query, while the stream waits; after a failure, all of them are read and written again`,
    );
    this.#readingAtOnce = snapshot.readAtOnce(whole);
  }

  async #openSnapshot(): Promise<Snapshot> {
    const { server, applicationName, snapshotWhere } = this.#plan;
    const session = await Session.open(server, applicationName, LOCK_MS, false, this.#signal);
    this.#monitor.snapshotSession = session;
    session.lost.catch((error: unknown) => this.#monitor.fail(error));
    const catalog = new Catalog(session);
    const { publication } = this.#plan;
    const targets = new SnapshotTargets({
      session,
      catalog,
      relations: new Relations(this.#plan, catalog),
      publications: new Publications(session, { ...publication, version: this.#ready.facts.version }),
      names: this.#ready.names,
      snapshotWhere,
    });
    return new Snapshot({
      session,
      progress: this.#progress,
      targets,
      sleep: (ms) => this.#context.sleep(ms, this.#signal),
      onEvent: () => this.#ready.stream.wake(),
      onWait: (reason) => this.#monitor.onWait(reason),
    });
  }
}
