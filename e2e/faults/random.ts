import { createCipheriv, createHash } from 'node:crypto';

/** Numbers from 0 up to below `n`, the same for the same seed. */
export class SeededRandom {
  readonly #stream;

  constructor(seed: number) {
    const key = createHash('sha256').update(String(seed)).digest();
    this.#stream = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  }

  below(n: number): number {
    return this.#stream.update(new Uint8Array(4)).readUInt32LE(0) % n;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) throw new RangeError('There is nothing to pick from.');
    return picked;
  }
}
