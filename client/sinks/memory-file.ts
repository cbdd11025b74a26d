import type { RandomAccessFile } from './container.ts';

/** A file in memory, for deliveries small enough to stay there. */
export class MemoryFile implements RandomAccessFile {
  #bytes = new Uint8Array();

  read(into: Uint8Array<ArrayBuffer>, at: number): void {
    into.set(this.#bytes.subarray(at, at + into.length));
  }

  write(bytes: Uint8Array<ArrayBuffer>, at: number): void {
    if (at + bytes.length > this.#bytes.length) this.truncate(at + bytes.length);
    this.#bytes.set(bytes, at);
  }

  truncate(lengthBytes: number): void {
    const before = this.#bytes;
    if (lengthBytes <= before.length) {
      this.#bytes = before.subarray(0, lengthBytes);
      return;
    }
    this.#bytes = new Uint8Array(lengthBytes);
    this.#bytes.set(before);
  }

  /** All of it, not a copy. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}
