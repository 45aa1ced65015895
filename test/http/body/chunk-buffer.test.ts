// The buffer for the chunks of a body, which may be small.

import { strict as assert } from "node:assert";
import { ChunkBuffer } from "../../../src/http/body/chunk-buffer.ts";
import { collectGarbage } from "../../support/garbage.ts";
import { turn } from "../../support/produce-brokers.ts";

const KIB = 1024;

/** Chunks of these sizes, each with different bytes. */
const chunksOf = (...sizes: number[]): Buffer[] => sizes.map((size, n) => Buffer.alloc(size, n + 1));

function bufferOf(chunks: readonly Buffer[], prepared?: number): ChunkBuffer {
  const buffer = new ChunkBuffer();
  if (prepared !== undefined) buffer.allocate(prepared);
  for (const chunk of chunks) buffer.add(chunk);
  return buffer;
}

/** The growth of memory outside of the heap during `make`, in bytes. */
function memoryOf<T>(make: () => T): [T, number] {
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  const made = make();
  collectGarbage();
  return [made, process.memoryUsage().arrayBuffers - before];
}

describe("http: chunk buffer", () => {
  const shapes: Readonly<Record<string, number[]>> = {
    nothing: [],
    "one chunk": [10],
    "small ones": [1, 2, 3],
    "small ones after a large one": [5000, 1, 2],
    "large ones": [5000, 6000],
    "small ones between large ones": [5000, 1, 2, 6000, 3, 7000],
    "small ones of more than 16 KiB": Array.from({ length: 60 }, () => 1000),
    "small ones that fill 16 KiB to the byte": [1, ...Array.from({ length: 16 }, () => 1023), 16, 1, 1],
    "ones at the limit between small and large": [1023, 1023, 1024, 1023, 1025],
  };
  for (const [title, sizes] of Object.entries(shapes))
    it(`returns ${title}, in order`, () => {
      const chunks = chunksOf(...sizes);
      const whole = Buffer.concat(chunks);
      const buffer = bufferOf(chunks);
      assert.equal(buffer.size, whole.length);
      assert.ok(buffer.bytes.equals(whole));
      assert.ok(bufferOf(chunks, whole.length).bytes.equals(whole));
    });

  it("returns the received bytes at any time, and accepts more", () => {
    const buffer = new ChunkBuffer();
    for (const [n, chunk] of ["a", "b", "c", "d"].entries()) {
      buffer.add(Buffer.from(chunk));
      assert.equal(`${buffer.bytes}`, "abcd".slice(0, n + 1));
    }
  });

  it("returns the received part of a large body", () => {
    const buffer = bufferOf(chunksOf(3, 4), 100);
    assert.deepEqual([buffer.size, buffer.bytes.length], [7, 7]);
  });

  it("keeps a body of one chunk without a copy", () => {
    const [chunk] = chunksOf(10);
    assert.equal(bufferOf([chunk as Buffer]).bytes, chunk);
  });

  it("keeps large chunks without a copy", () => {
    const chunks = chunksOf(64 * KIB, 64 * KIB, 1024);
    const [buffer, gained] = memoryOf(() => bufferOf(chunks));
    assert.equal(buffer.size, 129 * KIB);
    assert.ok(gained < 16 * KIB, `${gained}`);
  });

  it("uses little more memory than the bytes of its small chunks", () => {
    const chunk = Buffer.alloc(100);
    const chunks = Array.from({ length: 1000 }, () => chunk);
    const [buffer, gained] = memoryOf(() => bufferOf(chunks));
    assert.equal(buffer.size, 100_000);
    assert.ok(gained <= 99_900 + 2 * 16 * KIB, `${gained}`);
  });

  it("lets small chunks go once it has their bytes", async () => {
    const buffer = new ChunkBuffer();
    buffer.add(Buffer.from("first"));
    const add = (): WeakRef<Buffer> => {
      const chunk = Buffer.alloc(100);
      buffer.add(chunk);
      return new WeakRef(chunk);
    };
    const chunks = Array.from({ length: 10 }, add);
    await turn();
    collectGarbage();
    assert.equal(chunks.filter((chunk) => chunk.deref() !== undefined).length, 0);
    assert.equal(buffer.bytes.length, 1005);
  });

  it("has nothing once it is cleared, and takes what comes then", () => {
    for (const prepared of [undefined, 100]) {
      const buffer = bufferOf(chunksOf(3, 4, 5), prepared);
      buffer.clear();
      assert.deepEqual([buffer.size, buffer.bytes.length], [0, 0]);
      buffer.add(Buffer.from("ab"));
      buffer.add(Buffer.from("c"));
      assert.deepEqual([buffer.size, `${buffer.bytes}`], [3, "abc"]);
    }
  });
});
