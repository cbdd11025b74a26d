import { type BlockRef, blockCount } from '../block.ts';
import type { EntryId } from '../entry.ts';
import { LeafTree } from '../leaf-tree.ts';
import type { SeededRandom } from './seeded-random.ts';
import { expectThat, keyOf, leafOf } from './transfer-books.ts';

/** On the disk, where the bytes are no longer those that were written. */
const DAMAGED = -1;

/**
 * What outlives every session of a delivery: the files at the sender, and what the receiver's disk and journal have of
 * them. Here a file goes by its number, which stands for its path; sessions know it by ids of their own. The content of
 * a block is a version number.
 */
export class SimulatedFiles {
  readonly sizes: readonly (number | null)[];
  readonly committed = new Set<number>();
  readonly failed = new Set<number>();
  readonly #source = new Map<string, number>();
  /** How often a file changed, as its modification time tells. */
  readonly #changes = new Map<number, number>();
  readonly #disk = new Map<string, number>();
  readonly #journal = new Map<string, number>();

  constructor(sizes: readonly (number | null)[]) {
    this.sizes = sizes;
  }

  sizeOf(file: number): number {
    const size = this.sizes[file];
    expectThat(typeof size === 'number', 'not a file');
    return size;
  }

  versionOf(block: BlockRef): number {
    return this.#source.get(keyOf(block)) ?? 0;
  }

  changesOf(file: number): number {
    return this.#changes.get(file) ?? 0;
  }

  /** The whole file, or one block of it, becomes another. */
  change(file: number, index: number | null = null): void {
    this.#changes.set(file, this.changesOf(file) + 1);
    for (const each of index === null ? Array(blockCount(this.sizeOf(file))).keys() : [index]) {
      const block = { entry: file, index: each };
      this.#source.set(keyOf(block), this.versionOf(block) + 1);
    }
  }

  /** The root of the file as it stands at the sender, or on the disk. */
  rootOf(file: number, where: 'source' | 'disk'): Uint8Array {
    const blocks = blockCount(this.sizeOf(file));
    const tree = new LeafTree(this.sizeOf(file), blocks);
    for (let index = 0; index < blocks; index += 1) {
      const block = { entry: file, index };
      const version = where === 'source' ? this.versionOf(block) : this.#disk.get(keyOf(block));
      expectThat(version !== undefined, 'a file with a block missing');
      tree.set(index, leafOf(block, version));
    }
    return tree.root();
  }

  write(block: BlockRef, version: number): void {
    this.#disk.set(keyOf(block), version);
    this.#journal.set(keyOf(block), version);
  }

  /** What the journal has of a file. */
  held(file: number): number[] {
    return [...Array(blockCount(this.sizeOf(file))).keys()].filter((index) =>
      this.#journal.has(keyOf({ entry: file, index })),
    );
  }

  /** Reads a held block again. @returns its version where it is still what was written, else null */
  recheck(block: BlockRef): number | null {
    const version = this.#journal.get(keyOf(block));
    return version !== undefined && this.#disk.get(keyOf(block)) === version ? version : null;
  }

  /** Time passes without a session: sources change, disks rot, journals lose what they had not written out. */
  meanwhile(random: SeededRandom, changeChance: number, damageChance: number): void {
    for (const [file, size] of this.sizes.entries()) {
      if (!size || !random.chance(changeChance)) continue;
      this.change(file, random.chance(50) ? null : random.below(blockCount(size)));
    }
    for (const key of this.#journal.keys()) {
      if (this.committed.has(Number.parseInt(key, 10)) || !random.chance(damageChance)) continue;
      random.oneOf([
        () => this.#disk.set(key, DAMAGED),
        () => this.#disk.delete(key),
        () => this.#journal.delete(key),
      ])();
    }
  }

  /** What was written of a file is thrown away. */
  discard(file: number): void {
    for (const index of this.held(file)) this.#journal.delete(keyOf({ entry: file, index }));
  }

  bytesOf(files: Iterable<number>): number {
    return [...files].reduce((sum, file) => sum + this.sizeOf(file), 0);
  }
}

/** One session's ids for the files: their places in its manifest. */
export class SessionIds {
  readonly #files: readonly number[];
  readonly #ids: ReadonlyMap<number, EntryId>;

  /** @param files in the order of the manifest */
  constructor(files: readonly number[]) {
    this.#files = files;
    this.#ids = new Map(files.map((file, id) => [file, id]));
  }

  fileOf(entry: EntryId): number {
    return this.#files[entry] as number;
  }

  idOf(file: number): EntryId {
    return this.#ids.get(file) as EntryId;
  }

  blockOf({ entry, index }: BlockRef): BlockRef {
    return { entry: this.fileOf(entry), index };
  }
}
