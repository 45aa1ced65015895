// A client of streams of events that is cut and resumes at random, as browsers and networks do, and checks what it gets.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { decodePosition } from "../../src/live/position.ts";
import { type EventClient, type EventRecord, openEvents } from "./event-client.ts";

export interface ResumingOptions {
  /** The gateways to connect to, one at random. */
  readonly urls: () => readonly string[];
  readonly path: string;
  readonly from: "earliest" | "latest";
  /** Further query parameters, such as a filter. */
  readonly query?: string;
  readonly bytesPerSecond?: number | undefined;
  /** How long a connection lasts at most, in milliseconds. Some are cut before their first record. */
  readonly cutAfterMs: number;
}

/** A client that reads until `end`. */
export class ResumingClient {
  /** Everything that was received, by `topic/partition`. */
  readonly received = new Map<string, EventRecord[]>();
  /** The offsets at which the client began, per topic and partition, in the order of the path. */
  starts: readonly (readonly number[])[] = [];
  /** Events other than records and positions. */
  readonly others: string[] = [];
  cuts = 0;
  readonly #options: ResumingOptions;
  #lastId = "";
  #stopping = false;
  #ended = false;
  #current: EventClient | undefined;

  constructor(options: ResumingOptions) {
    this.#options = options;
  }

  get count(): number {
    return [...this.received.values()].reduce((sum, records) => sum + records.length, 0);
  }

  /** Reads until `end`, and is cut again and again until `stop`. */
  async run(): Promise<void> {
    while (!this.#ended) {
      const isLast = this.#stopping;
      const client = await this.#connect();
      if (!client) continue;
      this.#current = client;
      if (this.#ended || isLast !== this.#stopping) client.cut();
      const cutAfter = Math.random() * this.#options.cutAfterMs;
      if (this.#stopping) await client.ended;
      else await Promise.race([client.ended, delay(cutAfter, undefined, { ref: false })]);
      client.cut();
      this.cuts++;
    }
  }

  /** Reads on without cuts, as fast as possible. */
  stop(): void {
    this.#stopping = true;
    this.#current?.cut();
  }

  end(): void {
    this.#ended = true;
    this.#current?.cut();
  }

  async #connect(): Promise<EventClient | undefined> {
    const { urls, path, from, bytesPerSecond, query = "" } = this.#options;
    const all = urls();
    const base = all[Math.floor(Math.random() * all.length)] ?? "";
    const resume = this.#lastId === "" ? `from=${from}` : `lastEventId=${this.#lastId}`;
    const rate = this.#stopping ? undefined : bytesPerSecond;
    return openEvents(`${base}${path}?${resume}${query}`, {
      ...(rate === undefined ? {} : { bytesPerSecond: rate }),
      onEvent: (event) => {
        if (this.#lastId === "") this.starts = decodePosition(event.id).map(({ offsets }) => [...offsets]);
        this.#lastId = event.id;
        if (event.name === undefined || event.name === "tombstone") this.#take(JSON.parse(event.data));
        else if (event.name !== "position" && event.name !== "goodbye")
          this.others.push(`${event.name} ${event.data}`);
      },
    }).catch(async () => {
      await delay(20);
      return undefined;
    });
  }

  #take(record: EventRecord): void {
    const place = `${record.topic}/${record.partition}`;
    const records = this.received.get(place);
    if (records) records.push(record);
    else this.received.set(place, [record]);
  }

  /** Compares what was received of a partition with the committed records of its log. */
  check(place: string, start: number, committed: readonly number[]): void {
    assert.deepEqual(
      (this.received.get(place) ?? []).map(({ offset }) => offset),
      committed.filter((offset) => offset >= start),
      `${place} from ${start}`,
    );
  }
}
