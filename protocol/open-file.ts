import { blockCount } from './block.ts';
import type { FileEntry } from './entry.ts';
import { LeafTree } from './leaf-tree.ts';

/** The receiver's books on one file that is asked for and not settled. */
export interface OpenFile {
  readonly entry: FileEntry;
  readonly blocks: number;
  readonly leaves: LeafTree;
  /** Verified and not yet written. */
  readonly writing: Set<number>;
  /** How often a block arrived damaged. */
  readonly damaged: Map<number, number>;
  /** Blocks below this have been asked for. */
  asked: number;
  /** Asked for and not verified. */
  awaited: number;
  written: number;
  root: Uint8Array | null;
  /** Its root matched and it is written: whatever else comes of it no longer matters. */
  proven: boolean;
}

export function openFile(entry: FileEntry): OpenFile {
  const blocks = blockCount(entry.sizeBytes);
  return {
    entry,
    blocks,
    leaves: new LeafTree(entry.sizeBytes, blocks),
    writing: new Set(),
    damaged: new Map(),
    asked: 0,
    awaited: 0,
    written: 0,
    root: null,
    proven: false,
  };
}
