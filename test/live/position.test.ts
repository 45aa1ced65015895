// Positions: their encoding, and the errors for texts that are not positions.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { FROM_FIRST, offsetForTime, type PartitionOffset } from "../../src/core/live.ts";
import { Place, topicKey } from "../../src/live/place.ts";
import { checkPositionSize, decodePosition, encodeChange, encodePosition } from "../../src/live/position.ts";

const ID = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";
const place = (topic: string, starts: readonly PartitionOffset[], single?: number): Place =>
  new Place(topicKey(topic, ID), starts, single);
const at = (offset: number, epoch = -1): PartitionOffset => ({ offset, epoch });
const placesOf = (count: number, partitions: number, offset = 1): Place[] =>
  Array.from({ length: count }, (_, n) => place(`t${n}`, new Array(partitions).fill(at(offset, 3))));

/** The largest values that Kafka and `Date` have: an offset below 2^52, an epoch of 32 bits, the year 9999. */
const EXTREMES = [
  at(0),
  at(2 ** 52 - 1, 2 ** 31 - 1),
  at(offsetForTime(253_402_300_799_999)),
  at(63),
  at(64),
];

/** Damages a text: other, missing, additional or repeated characters. */
function mutated(text: string, random: () => number): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const any = (): string => alphabet[Math.floor(random() * alphabet.length)] as string;
  const from = Math.floor(random() * text.length);
  const to = from + Math.floor(random() * 8);
  const changes = [
    () => text.slice(0, from) + any() + text.slice(from + 1),
    () => text.slice(0, from) + text.slice(to),
    () => text.slice(0, from) + any().repeat(4) + text.slice(from),
    () => text.slice(0, to) + text.slice(from),
    () => text + any() + any() + any() + any(),
    () => text.slice(0, from - (from % 4)),
  ];
  return (changes[Math.floor(random() * changes.length)] as () => string)();
}

/** Random numbers that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

const isMalformed = (error: unknown): boolean =>
  error instanceof OnrampError &&
  error.code === 40001 &&
  error.message.startsWith("This is not a position. A position is the `id` of an event of a stream:");

describe("live: positions", () => {
  for (const count of [1, 2, 7, 50])
    it(`keep the places of ${count} topics`, () => {
      const places = Array.from({ length: count }, (_, n) =>
        n % 3 === 2 ? place(`t${n}`, [at(n, 5)], n * 100) : place(`t${n}`, EXTREMES.slice(0, n % 4)),
      );
      const text = encodePosition(places);
      assert.match(text, /^[\w-]+$/);
      assert.equal(text.length % 4, 0);
      assert.deepEqual(decodePosition(text), places);
    });

  it("keep large offsets and epochs, and the times that stand for unknown offsets", () => {
    for (const single of [undefined, 4999]) {
      const places = EXTREMES.map((each) => place("t", [each], single));
      assert.deepEqual(decodePosition(encodePosition(places)), places);
    }
    const unknown = place("t", [FROM_FIRST, at(offsetForTime(1)), at(offsetForTime(1_800_000_000_000))]);
    assert.deepEqual(decodePosition(encodePosition([unknown]))[0]?.offsets, unknown.offsets);
  });

  it("are joined with changes, of which the last one of a partition counts", () => {
    const before = encodePosition([place("a", [at(1, 1), at(2, 1)]), place("b", [at(9)], 7)]);
    const changes = [
      encodeChange(0, 1, 300, 2),
      encodeChange(1, 7, 2 ** 51, 4),
      encodeChange(0, 1, 301, -1),
      encodeChange(0, 0, 0, 0),
    ];
    for (const change of changes) assert.equal(change.length % 4, 0);
    assert.deepEqual(decodePosition(before + changes.join("")), [
      place("a", [at(0, 0), at(301, -1)]),
      place("b", [at(2 ** 51, 4)], 7),
    ]);
  });

  it("get partitions from a change; those before it begin at their first record", () => {
    const text = encodePosition([place("a", [at(5, 1)])]) + encodeChange(0, 3, 8, 2);
    assert.deepEqual(decodePosition(text), [place("a", [at(5, 1), FROM_FIRST, FROM_FIRST, at(8, 2)])]);
    const first = encodePosition([place("a", [])]) + encodeChange(0, 0, 1, 0);
    assert.deepEqual(decodePosition(first), [place("a", [at(1, 0)])]);
  });

  it("of a single partition get no other partition from a change", () => {
    const text = encodePosition([place("a", [at(5, 1)], 2)]);
    assert.throws(() => decodePosition(text + encodeChange(0, 3, 8, 2)), isMalformed);
    assert.throws(() => decodePosition(text + encodeChange(0, 1, 8, 2)), isMalformed);
  });

  /** Pads the bytes with zeros to a multiple of three, as positions are. */
  const numbers = (...bytes: readonly number[]): string =>
    Buffer.from([...bytes, ...[0, 0].slice(0, (3 - (bytes.length % 3)) % 3)]).toString("base64url");
  const head = [1, 1, ...new Array<number>(12).fill(7)];
  const HUGE = [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
  const wrong: Readonly<Record<string, string>> = {
    "an empty text": "",
    "a word": "earliest",
    "a text with a space": "AAAA AAA",
    "a text with padding": "AQFhYQ==",
    "standard Base64": "AQE+/AAA",
    "zeros alone": "A".repeat(64),
    "another version": numbers(2, 1, 0),
    "no topics": numbers(1, 0, 0),
    "51 topics": numbers(1, 51, 0),
    "topics without a place": numbers(1, 50, 0),
    "half a topic": numbers(...head.slice(0, 9)),
    "a number without an end": numbers(...head, 0, 1, 128, 128),
    "a number of 77 bits": numbers(...head, 0, 1, ...HUGE, 0, 0, 0),
    "an epoch of 77 bits": numbers(...head, 0, 1, 2, ...HUGE, 0, 0),
    "an epoch of 33 bits": numbers(...head, 0, 1, 2, 130, 128, 128, 128, 16, 0),
    "more partitions than are announced": numbers(...head, 0, 0, 2, 1, 2, 1),
    "more announced partitions than there are": numbers(...head, 0, 90, 2, 1, 2, 1),
    "a million partitions": numbers(...head, 0, 192, 132, 61, 0, 0, 0),
    "a single partition with two offsets": numbers(...head, 1, 2, 2, 0, 2, 0, 0),
    "a first partition that is not single": numbers(...head, 4, 1, 2, 0, 0, 0, 0),
    "a change of a topic that is absent": encodePosition([place("a", [at(1)])]) + encodeChange(1, 0, 1, 1),
    "a change of partition 5000": encodePosition([place("a", [at(1)])]) + encodeChange(0, 5000, 1, 1),
    "half a change": encodePosition([place("a", [at(1)])]) + numbers(1, 0, 130),
    "8,196 characters": encodePosition([place("a", [at(1)])]).padEnd(8196, "A"),
    "a megabyte": "A".repeat(1024 * 1024),
  };
  for (const [title, text] of Object.entries(wrong))
    it(`are not ${title}: the error says what a position looks like`, () => {
      assert.throws(() => decodePosition(text), isMalformed);
    });

  it("that are damaged are refused, or are the position of some places", () => {
    const random = seeded(1);
    const places = [place("a", EXTREMES), place("b", [at(9, 1)], 7), ...placesOf(3, 4)];
    const text = encodePosition(places) + encodeChange(0, 2, 5, 1) + encodeChange(2, 7, 5, 1);
    let refused = 0;
    for (let n = 0; n < 20_000; n++) {
      const damaged = mutated(n % 2 ? text : mutated(text, random), random);
      try {
        for (const { offsets, epochs, isSingle } of decodePosition(damaged)) {
          assert.ok(offsets.length <= (isSingle ? 1 : 5000), damaged);
          assert.ok(offsets.every(Number.isSafeInteger), damaged);
          assert.ok(
            epochs.every((epoch) => epoch >= -1 && epoch < 2 ** 31),
            damaged,
          );
        }
      } catch (error) {
        assert.ok(isMalformed(error), `${damaged}: ${error}`);
        refused++;
      }
    }
    assert.ok(refused > 5000 && refused < 20_000, String(refused));
  });

  it("that a client forges to name many partitions are decoded quickly", () => {
    const changes = Array.from({ length: 50 }, (_, n) => encodeChange(n, 4999, 1, 1)).join("");
    const began = performance.now();
    const places = decodePosition(encodePosition(placesOf(50, 1)) + changes);
    assert.ok(performance.now() - began < 500);
    assert.deepEqual([places.length, places[49]?.offsets.length], [50, 5000]);
  });

  it("stay within 6 KiB: a stream with more partitions is refused, and the error names ?partition=", () => {
    checkPositionSize(placesOf(1, 400), false);
    checkPositionSize(placesOf(50, 10), false);
    for (const places of [placesOf(1, 5000), placesOf(50, 100), placesOf(1, 500, 2 ** 51)])
      assert.throws(
        () => checkPositionSize(places, false),
        (error: OnrampError) =>
          error.code === 40001 &&
          /^The [\d,]+ partitions of this stream need positions over 6 KiB.*\?partition=/.test(error.message),
      );
  });

  it("may have grown to 8 KiB when they are sent, because partitions were added", () => {
    let partitions = 1;
    while (encodePosition(placesOf(1, partitions + 1)).length <= 7900) partitions++;
    const grown = placesOf(1, partitions);
    const decoded = decodePosition(encodePosition(grown));
    assert.throws(() => checkPositionSize(decoded, false), { code: 40001 });
    assert.equal(decoded[0]?.offsets.length, partitions);
    checkPositionSize(decoded, true);
  });

  it("that pass this check are decoded after every partition has grown", () => {
    let partitions = 1;
    const fits = (count: number): boolean => {
      try {
        checkPositionSize(placesOf(1, count), false);
        return true;
      } catch {
        return false;
      }
    };
    while (fits(partitions + 1)) partitions++;
    const grown = encodePosition(placesOf(1, partitions, 2 ** 20 - 1));
    const text = grown + encodeChange(0, partitions - 1, 2 ** 52 - 1, 2 ** 31 - 2);
    assert.ok(text.length > 5500 && text.length <= 6144, String(text.length));
    assert.equal(decodePosition(text)[0]?.offset(partitions - 1), 2 ** 52 - 1);
  });
});
