import { createHash } from 'node:crypto';
import { blockCount } from '#protocol/block.ts';
import type { Entry } from '#protocol/entry.ts';
import { encodeFrame } from '#protocol/lane-message.ts';
import { LeafTree } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES, MAX_FRAME_PAYLOAD_BYTES } from '#protocol/limits.ts';
import type { RawPeer } from '#transport/testing/raw-peer.ts';

export interface RawFile {
  readonly path: string;
  readonly content: Uint8Array;
}

const sha256 = (bytes: Uint8Array) => Uint8Array.from(createHash('sha256').update(bytes).digest());

/** Sends what an honest sender would, one step at a time, and what no honest one would where it is told to. */
export class RawSender {
  readonly peer: RawPeer;
  readonly #files: readonly RawFile[];

  constructor(peer: RawPeer, files: readonly RawFile[]) {
    this.peer = peer;
    this.#files = files;
  }

  /** Announces these files, in one page. */
  offer(): void {
    const entries = this.#files.map(
      ({ path, content }): Entry => ({ kind: 'file', path, sizeBytes: content.length }),
    );
    this.offerEntries(entries);
  }

  /** Announces entries as they are. */
  offerEntries(entries: readonly unknown[], header: object = {}): void {
    const totalBytes = entries.reduce((sum: number, entry) => {
      const { sizeBytes } = entry as { sizeBytes?: unknown };
      return sum + (typeof sizeBytes === 'number' ? sizeBytes : 0);
    }, 0);
    this.peer.say({ type: 'manifest', entries: entries.length, pages: 1, totalBytes, ...header });
    this.peer.say({ type: 'page', page: 0, entries });
  }

  /** Sends one block whole; with other bytes or another leaf than are right, where they are given. */
  sendBlock(
    entry: number,
    index: number,
    { bytes = this.block(entry, index), leaf = sha256(bytes) } = {},
  ): void {
    for (let start = 0; start < bytes.length; start += MAX_FRAME_PAYLOAD_BYTES) {
      const end = Math.min(start + MAX_FRAME_PAYLOAD_BYTES, bytes.length);
      const last = end === bytes.length ? leaf : null;
      this.peer.send(encodeFrame(entry, index * BLOCK_BYTES + start, bytes.subarray(start, end), last));
    }
  }

  sendFile(entry: number): void {
    for (let index = 0; index < this.blocks(entry); index += 1) this.sendBlock(entry, index);
    this.sendRoot(entry);
  }

  sendRoot(entry: number, root: Uint8Array = this.root(entry)): void {
    this.peer.say({ type: 'roots', roots: [[entry, Buffer.from(root).toString('base64url')]] });
  }

  block(entry: number, index: number): Uint8Array {
    return this.#content(entry).subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
  }

  blocks(entry: number): number {
    return blockCount(this.#content(entry).length);
  }

  root(entry: number): Uint8Array {
    const tree = new LeafTree(this.#content(entry).length, this.blocks(entry));
    for (let index = 0; index < this.blocks(entry); index += 1)
      tree.set(index, sha256(this.block(entry, index)));
    return tree.root();
  }

  #content(entry: number): Uint8Array {
    return this.#files[entry]?.content ?? new Uint8Array(0);
  }
}
