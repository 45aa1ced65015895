// Positions: the places of a stream in all its topics, as the text of an event's `id`.
//
// A position is base64url of: a version; per topic the hashes of its name and id, the first partition, and the next offset
// and leader epoch of each partition; zeros up to a multiple of three bytes. Changes of single partitions may follow, each
// again a multiple of three bytes. Therefore the texts can be joined: the events of a batch share the text of the places
// before the batch, and each adds the change of its own partition.

import { OnrampError } from "../core/errors.ts";
import { FROM_FIRST, MAX_TOPICS } from "../core/live.ts";
import { ID_BYTES, NAME_BYTES, Place, type TopicKey } from "./place.ts";

const VERSION = 1;
/** The maximum length of a position, in characters: proxies accept 8 KiB of headers, and Node.js accepts 16 KiB. */
const MAX_LENGTH = 6 * 1024;
/** The same for a position that is sent, in characters: it may have grown since its stream was opened. */
const MAX_RESUMED = 8 * 1024;
/** Offsets below this number are encoded exactly, with a sign. */
const MAX_OFFSET = 2 ** 52;
/** Kafka's epochs are signed integers of 32 bits. */
const MAX_EPOCH = 2 ** 31 - 1;
const MAX_PARTITIONS = 5000;
/** How much a partition may grow while a stream is open, in bytes; and the length of a change, in characters. */
const [GROWTH, CHANGE] = [2, 32];

let scratch = Buffer.alloc(64 * 1024);

/** Encodes the places of a stream. */
export function encodePosition(places: readonly Place[]): string {
  const most = places.reduce((sum, { offsets }) => sum + 32 + offsets.length * 16, 8);
  if (most > scratch.length) scratch = Buffer.alloc(most);
  let at = writeNumber(0, VERSION);
  at = writeNumber(at, places.length);
  for (const { key, first, isSingle, offsets, epochs } of places) {
    at += scratch.write(key.name + key.id, at, "latin1");
    at = writeNumber(at, first * 2 + (isSingle ? 1 : 0));
    at = writeNumber(at, offsets.length);
    for (const [index, offset] of offsets.entries()) {
      at = writeSigned(at, offset);
      at = writeNumber(at, (epochs[index] ?? -1) + 1);
    }
  }
  return endText(at);
}

/** Encodes a change of one partition, to be appended to a position. @param topic the index of the topic */
export function encodeChange(topic: number, partition: number, offset: number, epoch: number): string {
  let at = writeNumber(0, topic + 1);
  at = writeNumber(at, partition);
  at = writeSigned(at, offset);
  return endText(writeNumber(at, epoch + 1));
}

/**
 * Checks that the positions of a stream stay within 6 KiB.
 *
 * @param resumed whether the stream has a position: the limit is then 8 KiB, because partitions may have been added
 * @throws OnrampError 40001 that names `?partition=`
 */
export function checkPositionSize(places: readonly Place[], resumed: boolean): void {
  const partitions = places.reduce((sum, { offsets }) => sum + offsets.length, 0);
  const growth = resumed ? 0 : Math.ceil((partitions * GROWTH * 4) / 3);
  const length = encodePosition(places).length + growth + CHANGE;
  if (length <= (resumed ? MAX_RESUMED : MAX_LENGTH)) return;
  throw new OnrampError(
    40001,
    `The ${partitions} partitions of this stream need positions over 6 KiB, and proxies refuse long headers. Open one stream per partition with ?partition=, or fewer topics per stream.`,
  );
}

/** A position, decoded: its place in each topic. */
export type DecodedPosition = readonly Place[];

/** Decodes a position. @throws OnrampError 40001 that describes a position */
export function decodePosition(text: string): DecodedPosition {
  if (text.length > MAX_RESUMED || text.length % 4 !== 0 || !/^[\w-]+$/.test(text)) throw malformed();
  const reader = new PositionReader(Buffer.from(text, "base64url"));
  if (reader.number() !== VERSION) throw malformed();
  const count = reader.number();
  if (count === 0 || count > MAX_TOPICS) throw malformed();
  const places = Array.from({ length: count }, () => readPlace(reader));
  for (;;) {
    reader.skipZeros();
    if (reader.done) return places;
    const place = places[reader.number() - 1];
    const partition = reader.number();
    if (!place?.includes(partition) && !(place?.isSingle === false && partition < MAX_PARTITIONS))
      throw malformed();
    place.set(partition, { offset: reader.signed(), epoch: reader.epoch() });
  }
}

function readPlace(reader: PositionReader): Place {
  const key: TopicKey = { name: reader.text(NAME_BYTES), id: reader.text(ID_BYTES) };
  const header = reader.number();
  const [first, isSingle] = [Math.floor(header / 2), header % 2 === 1];
  const count = reader.number();
  if (count > MAX_PARTITIONS || (isSingle ? count !== 1 : first !== 0)) throw malformed();
  const place = new Place(key, [], isSingle ? first : undefined);
  for (let n = 0; n < count; n++) place.set(first + n, { offset: reader.signed(), epoch: reader.epoch() });
  return place;
}

class PositionReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  skipZeros(): void {
    while (this.#bytes[this.#at] === 0) this.#at++;
  }

  /** Latin1 characters. */
  text(count: number): string {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw malformed();
    const text = this.#bytes.toString("latin1", this.#at, end);
    this.#at = end;
    return text;
  }

  number(): number {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined || factor > MAX_OFFSET * 2) throw malformed();
      value += (byte & 127) * factor;
      if (byte < 128) break;
      factor *= 128;
    }
    if (value >= MAX_OFFSET * 2) throw malformed();
    return value;
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 0 ? value / 2 : FROM_FIRST.offset - (value - 1) / 2;
  }

  epoch(): number {
    const epoch = this.number() - 1;
    if (epoch > MAX_EPOCH) throw malformed();
    return epoch;
  }
}

function writeNumber(from: number, value: number): number {
  let [at, rest] = [from, value];
  for (; rest >= 128; rest = Math.floor(rest / 128)) scratch[at++] = (rest % 128) | 128;
  scratch[at++] = rest;
  return at;
}

const writeSigned = (at: number, value: number): number =>
  writeNumber(at, value >= 0 ? value * 2 : (FROM_FIRST.offset - value) * 2 + 1);

/** Fills the bytes up to a multiple of three with zeros, so that texts can be joined. */
function endText(from: number): string {
  let at = from;
  while (at % 3 !== 0) scratch[at++] = 0;
  return scratch.toString("base64url", 0, at);
}

const malformed = (): OnrampError =>
  new OnrampError(
    40001,
    "This is not a position. A position is the `id` of an event of a stream: up to 8,192 letters, digits, - and _. Send the last one that you received, unchanged, or start with from=latest, from=earliest, or a time.",
  );
