import { sha256 } from '@noble/hashes/sha2.js';
import { BLOCK_BYTES } from './limits.ts';

export const LEAF_BYTES = 32;

const DOMAIN = new TextEncoder().encode('sallyport root v1');

/**
 * The leaves of one file, in any order of arrival, and the root over them.
 *
 * The tree is RFC 6962's with the 32-byte leaves as its entries. Full subtrees of the prefix without gaps are
 * folded as it grows, so that a root costs two small hashes a block, spread over the transfer.
 * @see docs/transfer-protocol.md "Blocks, leaves and roots"
 */
export class LeafTree {
  readonly #sizeBytes: number;
  readonly #blocks: number;
  #leaves = new Uint8Array(0);
  #known = new Uint8Array(0);
  #knownCount = 0;
  /** Blocks folded so far: the longest prefix without a gap. */
  #folded = 0;
  /** Roots of the full subtrees of the folded prefix, largest first: the set bits of `#folded`. */
  readonly #subtrees: Uint8Array[] = [];

  constructor(sizeBytes: number, blocks: number) {
    this.#sizeBytes = sizeBytes;
    this.#blocks = blocks;
  }

  get complete(): boolean {
    return this.#knownCount === this.#blocks;
  }

  /** The lowest block at or after `from` whose leaf is not known, or the number of blocks. */
  firstUnknown(from = 0): number {
    let index = Math.max(from, this.#folded);
    while (index < this.#known.length && this.#known[index] === 1) index += 1;
    return Math.min(index, this.#blocks);
  }

  has(index: number): boolean {
    return this.#known[index] === 1;
  }

  /** @returns false when another leaf was known for this block: the bytes behind it changed. */
  set(index: number, leaf: Uint8Array): boolean {
    if (this.has(index)) return equalBytes(this.#at(index), leaf);
    this.#grow(index + 1);
    this.#leaves.set(leaf, index * LEAF_BYTES);
    this.#known[index] = 1;
    this.#knownCount += 1;
    while (this.has(this.#folded)) this.#fold(this.#at(this.#folded));
    return true;
  }

  /** A copy of a block's leaf, or null where it is not known. */
  leaf(index: number): Uint8Array | null {
    return this.has(index) ? this.#at(index).slice() : null;
  }

  /** These blocks' leaves are unknown again; what was folded is folded anew, so it is not for every block. */
  forget(indices: Iterable<number>): void {
    for (const index of indices) {
      if (!this.has(index)) continue;
      this.#known[index] = 0;
      this.#knownCount -= 1;
    }
    this.#folded = 0;
    this.#subtrees.length = 0;
    while (this.has(this.#folded)) this.#fold(this.#at(this.#folded));
  }

  /** The file's root. Only once every leaf is known. */
  root(): Uint8Array<ArrayBuffer> {
    if (!this.complete) throw new Error('root asked for before every leaf is known');
    const header = new Uint8Array(DOMAIN.length + 12);
    header.set(DOMAIN);
    const view = new DataView(header.buffer);
    view.setBigUint64(DOMAIN.length, BigInt(this.#sizeBytes));
    view.setUint32(DOMAIN.length + 8, BLOCK_BYTES);
    return Uint8Array.from(sha256.create().update(header).update(this.#treeHead()).digest());
  }

  #treeHead(): Uint8Array {
    if (this.#blocks === 0) return sha256(new Uint8Array(0));
    return this.#subtrees.reduceRight((right, left) => nodeHash(left, right));
  }

  #fold(leaf: Uint8Array): void {
    let node: Uint8Array = sha256.create().update(Uint8Array.of(0)).update(leaf).digest();
    for (let size = this.#folded; size % 2 === 1; size = (size - 1) / 2) {
      node = nodeHash(this.#subtrees.pop() as Uint8Array, node);
    }
    this.#subtrees.push(node);
    this.#folded += 1;
  }

  #at(index: number): Uint8Array {
    return this.#leaves.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES);
  }

  /** Storage follows what has arrived, never the size that a manifest claims. */
  #grow(blocks: number): void {
    if (blocks <= this.#known.length) return;
    const capacity = Math.min(this.#blocks, Math.max(16, blocks, this.#known.length * 2));
    const leaves = new Uint8Array(capacity * LEAF_BYTES);
    leaves.set(this.#leaves);
    this.#leaves = leaves;
    const known = new Uint8Array(capacity);
    known.set(this.#known);
    this.#known = known;
  }
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256.create().update(Uint8Array.of(1)).update(left).update(right).digest();
}

/** Not constant-time: leaves and roots are no secrets between two peers that hold the file. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
