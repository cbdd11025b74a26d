import { blockCount } from './block.ts';
import type { FileEntry } from './entry.ts';
import { LeafTree } from './leaf-tree.ts';

/** The receiver's books on one file that is chosen and not settled: asked for, or partly held from earlier sessions. */
export interface OpenFile {
  readonly entry: FileEntry;
  readonly blocks: number;
  readonly leaves: LeafTree;
  /** Blocks of earlier sessions, which are not asked for: kept where their leaf is known, else it is not yet seen whether. */
  readonly held: Set<number>;
  /** Held no longer, and not yet asked for. */
  readonly lost: Set<number>;
  /** All of it is here, and not yet held against its leaf. */
  readonly arrived: Set<number>;
  /** Verified and not yet written. */
  readonly writing: Set<number>;
  /** How often a block arrived damaged. */
  readonly damaged: Map<number, number>;
  /** Blocks below this have been asked for, but for those held or lost. */
  asked: number;
  /** Asked for and not verified. */
  awaited: number;
  written: number;
  root: Uint8Array<ArrayBuffer> | null;
  /** Its root was another, and what is held of it has been compared. */
  compared: boolean;
  /** Its root matched and it is written: whatever else comes of it no longer matters. */
  proven: boolean;
}

/** @param held blocks from earlier sessions; those that the file cannot have are dropped */
export function openFile(entry: FileEntry, held: Iterable<number> = []): OpenFile {
  const blocks = blockCount(entry.sizeBytes);
  return {
    entry,
    blocks,
    leaves: new LeafTree(entry.sizeBytes, blocks),
    held: new Set([...held].filter((index) => index >= 0 && index < blocks)),
    lost: new Set(),
    arrived: new Set(),
    writing: new Set(),
    damaged: new Map(),
    asked: 0,
    awaited: 0,
    written: 0,
    root: null,
    compared: false,
    proven: false,
  };
}

/** Whether this block has been asked for, so that it may come. */
export function wasAsked(file: OpenFile, index: number): boolean {
  return index < file.asked && !file.held.has(index) && !file.lost.has(index);
}
