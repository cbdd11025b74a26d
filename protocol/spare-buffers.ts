/**
 * Buffers of one size that are used again. New memory costs the system a page at a time, and the collector's threads the
 * giving back: on a fast network as much work as all the rest.
 */
export class SpareBuffers {
  readonly #sizeBytes: number;
  readonly #most: number;
  readonly #spare: ArrayBuffer[] = [];

  /** @param most kept while nobody uses them */
  constructor(sizeBytes: number, most: number) {
    this.#sizeBytes = sizeBytes;
    this.#most = most;
  }

  /** @returns so many bytes, holding anything, at the start of such a buffer; where that were mostly waste, in one of their own */
  take(lengthBytes: number): Uint8Array<ArrayBuffer> {
    if (lengthBytes > this.#sizeBytes || 2 * lengthBytes < this.#sizeBytes)
      return new Uint8Array(lengthBytes);
    return new Uint8Array(this.#spare.pop() ?? new ArrayBuffer(this.#sizeBytes), 0, lengthBytes);
  }

  /** From who uses it no more. One that was handed on meanwhile, or is of another size, is left to the collector. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength === this.#sizeBytes && this.#spare.length < this.#most) this.#spare.push(buffer);
  }
}
