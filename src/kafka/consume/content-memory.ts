// Memory for decompressed batches. Large buffers on the heap of the C library leave it fragmented: resident memory grew to
// more than twice the bytes in use (measured). A resizable ArrayBuffer has pages of its own, which are returned to the
// system as soon as its size is 0, without a wait for the garbage collector.

/** The minimum size of a resizable buffer, in bytes. */
const LARGE = 256 * 1024;

/** The part of a resizable ArrayBuffer (ECMAScript 2024) that is used here. */
interface Resizable {
  readonly resizable?: boolean;
  resize(size: number): void;
}
type CreateResizable = new (size: number, options: { maxByteLength: number }) => ArrayBuffer;

/** Returns a buffer with uninitialized content. @param size in bytes */
export function allocateContent(size: number): Buffer {
  if (size < LARGE) return Buffer.allocUnsafeSlow(size);
  const Memory = ArrayBuffer as unknown as CreateResizable;
  return Buffer.from(new Memory(size, { maxByteLength: size }), 0, size);
}

/** Returns the memory to the system. Nothing may use `content` after that. */
export function freeContent({ buffer }: Buffer): void {
  const memory = buffer as unknown as Resizable;
  if (memory.resizable) memory.resize(0);
}
