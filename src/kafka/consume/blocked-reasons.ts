// Tracks why partitions make no progress, for `/sinks` and the metrics, and logs each change once.

import type { BlockedReason, Log } from "../../core/ports.ts";

/** What a reason is about. */
export interface Subject {
  /** The kind of reason. A new message of the same kind is not logged again. */
  readonly kind: string;
  readonly topic?: string;
  readonly partition?: number;
}

/** The minimum time between two log lines about one key, in milliseconds. */
const LOG_AGAIN_MS = 60_000;

interface Entry extends Subject {
  message: string;
  kind: string;
  partitions: number;
  readonly since: number;
  /** When the reason is shown, in milliseconds (`Date.now`): some reasons, such as an election, do not last. */
  visibleAt: number;
  /** The kind that was logged last, and when; undefined when the reason was not logged. */
  logged: { readonly kind: string; readonly at: number } | undefined;
}

/** The reasons of one feed, by key. Updated by the parts of a consumer; read at each request of `/sinks`. */
export class BlockedReasons {
  readonly #log: Log;
  readonly #fields: object;
  readonly #entries = new Map<string, Entry>();
  readonly #ended: Entry[] = [];

  /** @param fields the fields of each log line, such as the group */
  constructor(log: Log, fields: object) {
    this.#log = log;
    this.#fields = fields;
  }

  /** The reasons that are shown, the oldest first. */
  get current(): BlockedReason[] {
    return this.#visible().map(({ since, message }) => ({ since, message }));
  }

  /** The number of partitions that make no progress. */
  get blocked(): number {
    const visible = this.#visible();
    const topics = visible.filter(
      ({ topic, partition }) => topic !== undefined && partition === undefined,
    ).length;
    // A reason of the group blocks all its partitions.
    return Math.max(this.messages.size + topics, ...visible.map(({ partitions }) => partitions));
  }

  /** Whether the reason with this key is shown. */
  shows(key: string): boolean {
    return (this.#entries.get(key)?.visibleAt ?? Number.POSITIVE_INFINITY) <= Date.now();
  }

  /** The messages of the blocked partitions, by `topic/partition`: the oldest reason of each. */
  get messages(): Map<string, string> {
    const messages = new Map<string, string>();
    for (const { topic, partition, message } of this.#visible().reverse())
      if (partition !== undefined) messages.set(`${topic}/${partition}`, message);
    return messages;
  }

  /**
   * Adds a reason, or changes its message. `since` is the time at which the key was added.
   *
   * @param afterMs how long it must last before it is shown, in milliseconds
   * @param partitions the number of partitions that make no progress
   */
  raise(key: string, subject: Subject, message: string, { afterMs = 0, partitions = 1 } = {}): void {
    const now = Date.now();
    const entry = this.#entries.get(key);
    if (entry) {
      entry.visibleAt = Math.min(entry.visibleAt, now + afterMs);
      Object.assign(entry, subject, { message, partitions });
    } else
      this.#entries.set(key, {
        ...subject,
        message,
        partitions,
        since: now,
        visibleAt: now + afterMs,
        logged: undefined,
      });
  }

  /** Removes a reason that no longer applies. */
  clear(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    if (entry.logged !== undefined) this.#ended.push(entry);
  }

  /** Removes all reasons of partitions, and the ones with these keys, without a log line. Called when a session ends. */
  drop(...keys: readonly string[]): void {
    for (const [key, { partition }] of this.#entries)
      if (partition !== undefined || keys.includes(key)) this.#entries.delete(key);
  }

  /** Logs what has changed since the last call: one line per kind and topic. */
  logChanges(): void {
    const at = Date.now();
    const changed = this.#visible().filter(
      ({ kind, logged }) => !logged || (kind !== logged.kind && at - logged.at >= LOG_AGAIN_MS),
    );
    for (const entry of changed) entry.logged = { kind: entry.kind, at };
    for (const group of grouped(changed))
      this.#log.warn(
        { ...this.#fieldsOf(group), reason: (group[0] as Entry).message },
        "reading is blocked; it resumes when the cause is resolved",
      );
    for (const group of grouped(this.#ended.splice(0)))
      this.#log.info(
        { ...this.#fieldsOf(group), was: (group[0] as Entry).kind },
        "reading is no longer blocked",
      );
  }

  #visible(): Entry[] {
    const now = Date.now();
    return [...this.#entries.values()]
      .filter(({ visibleAt }) => visibleAt <= now)
      .sort((a, b) => a.since - b.since);
  }

  #fieldsOf(group: readonly Entry[]): object {
    const partitions = group.flatMap(({ partition }) => partition ?? []);
    const topic = group[0]?.topic;
    return {
      ...this.#fields,
      ...(topic === undefined ? {} : { topic }),
      ...(partitions.length === 0 ? {} : { partitions }),
    };
  }
}

function grouped(entries: readonly Entry[]): Entry[][] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const key = `${entry.kind} ${entry.topic ?? ""}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()];
}
