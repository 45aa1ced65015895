// How many requests are in flight to a broker, and how long each of them waits.

import { strict as assert } from "node:assert";
import { FETCH_SLOTS, FetchSlots } from "../../../src/kafka/consume/fetch-slots.ts";

const NOW = 1_000_000;
const WAIT = 2500;

describe("kafka: fetch slots", () => {
  it("the first request waits long, and the next ones end at the same time", () => {
    const slots = new FetchSlots();
    assert.deepEqual(slots.take(1, NOW), { index: 0, waitMs: WAIT });
    assert.deepEqual(slots.take(1, NOW + 400), { index: 1, waitMs: WAIT - 400 });
  });

  it("the last slot is free again soon, and there are no more", () => {
    const slots = new FetchSlots();
    for (let n = 1; n < FETCH_SLOTS; n++) slots.take(1, NOW);
    assert.deepEqual(slots.take(1, NOW), { index: FETCH_SLOTS - 1, waitMs: 50 });
    assert.equal(slots.take(1, NOW), undefined);
    assert.deepEqual(slots.take(2, NOW), { index: 0, waitMs: WAIT }, "another broker has slots of its own");
  });

  it("a released slot is used again", () => {
    const slots = new FetchSlots();
    const first = slots.take(1, NOW);
    const second = slots.take(1, NOW);
    assert.ok(first && second);
    slots.release(1, first);
    assert.equal(slots.take(1, NOW)?.index, 0);
  });

  it("a request that ends at the same time as another one waits for it", () => {
    const slots = new FetchSlots();
    const first = slots.take(1, NOW);
    assert.ok(first);
    assert.equal(slots.pauseAfter(1, first, NOW, NOW + WAIT), 0);
    slots.take(1, NOW + 100);
    assert.equal(slots.pauseAfter(1, first, NOW, NOW + WAIT), 5);
    assert.equal(slots.pauseAfter(1, first, NOW, NOW + WAIT - 100), 0);
    assert.equal(slots.pauseAfter(2, first, NOW, NOW + WAIT), 0);
  });

  it("a request that was answered without records before its time is not repeated at once", () => {
    const slots = new FetchSlots();
    const first = slots.take(1, NOW);
    assert.ok(first);
    assert.equal(slots.pauseAfter(1, first, NOW, NOW + 1), 100);
  });

  it("a request that would end at once waits as long as a first one", () => {
    const slots = new FetchSlots();
    slots.take(1, NOW);
    assert.equal(slots.take(1, NOW + WAIT - 10)?.waitMs, WAIT);
  });
});
