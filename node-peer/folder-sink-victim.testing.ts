/** A program that saves a share into a folder, says each thing that it has done, and kills itself at one of them. */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { blockCount, blockLength } from '#protocol/block.ts';
import type { FileEntry } from '#protocol/entry.ts';
import { equalBytes } from '#protocol/leaf-tree.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { namesOf } from '#transport/testing/delivery-names.ts';
import { FolderSink } from './folder-sink.ts';
import { inParallel } from './in-parallel.ts';

/** What is under way at a kill may or may not be done. */
const FILES_AT_ONCE = 4;

const file = (path: string, sizeBytes: number): FileEntry => ({ kind: 'file', path, sizeBytes });

/** Sizes below, at and above a block; many that are small; names that exist already in the target. */
export const VICTIM_FILES: readonly FileEntry[] = [
  file('album/film', 5 * BLOCK_BYTES + 77),
  file('album/block', BLOCK_BYTES),
  file('taken.txt', 2 * BLOCK_BYTES),
  file('album/empty', 0),
  ...Array.from({ length: 40 }, (_, i) => file(`album/sub ${i % 3}/${i}`, 1 + 997 * i)),
];

/** Bytes of a block: the same in every run, others for every block. */
export function victimBlock(path: string, sizeBytes: number, index: number): Uint8Array<ArrayBuffer> {
  const seed = createHash('sha256').update(`${path}/${index}`).digest();
  return new Uint8Array(Buffer.alloc(blockLength(sizeBytes, index), seed));
}

const leafOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/**
 * @param step how ids and order of this run differ from those of another
 * @param deeds how many writes and commits it lives
 */
async function run(target: string, step: number, deeds: number): Promise<void> {
  let left = deeds;
  const say = (line: string) => writeSync(1, `${line}\n`);
  const sayDeed = (line: string) => {
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    left -= 1;
    say(line);
  };
  const chosen = VICTIM_FILES.map((entry, i) => ({ id: (i * step + step) % 1009, entry }));
  chosen.sort((a, b) => a.id - b.id);
  const sink = await FolderSink.create(target);
  const held = new Map((await sink.open(chosen, namesOf('victim'))).map((one) => [one.id, one]));
  for (const { id, entry } of chosen) {
    const one = held.get(id);
    if (one?.committed) say(`held ${entry.path}`);
    else
      for (const [index, leaf] of one?.leaves ?? []) {
        const lengthBytes = blockLength(entry.sizeBytes, index);
        const bytes = await sink.read(id, index * BLOCK_BYTES, lengthBytes);
        say(`${equalBytes(leafOf(bytes), leaf) ? 'held' : 'damaged'} ${entry.path}#${index}`);
      }
  }
  await inParallel(chosen, FILES_AT_ONCE, async ({ id, entry: { path, sizeBytes } }) => {
    const one = held.get(id);
    if (one?.committed) return;
    for (let index = 0; index < blockCount(sizeBytes); index += 1) {
      if (one?.leaves.has(index)) continue;
      const bytes = victimBlock(path, sizeBytes, index);
      await sink.write(id, index * BLOCK_BYTES, bytes, leafOf(bytes));
      sayDeed(`written ${path}#${index}`);
    }
    await sink.commit(id, new Uint8Array(32));
    sayDeed(`committed ${path}`);
  });
  for (const { savedAs } of await sink.finish()) say(`saved ${savedAs}`);
  say('finished');
}

const [, program, target, step, deeds] = process.argv;
if (program && target && import.meta.url === pathToFileURL(program).href)
  await run(target, Number(step), Number(deeds));
