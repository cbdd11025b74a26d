import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { blockCount } from '#protocol/block.ts';
import { VICTIM_FILES, victimBlock } from './folder-sink-victim.testing.ts';
import { plant, scratchFolder } from './scratch-folder.testing.ts';

const VICTIM = fileURLToPath(new URL('./folder-sink-victim.testing.ts', import.meta.url));
/** Writes and commits of the whole share. More are done than said, since many are under way at each kill. */
const DEEDS = VICTIM_FILES.reduce((sum, { sizeBytes }) => sum + blockCount(sizeBytes) + 1, 0);
const KILLS = 4;
const SEEDS = process.env['KILL_SEEDS']?.split(',').map(Number) ?? [1, 2, 3];

/** Runs the program, which kills itself in its last deed's place. Returns what it said. */
async function runFor(deeds: number, target: string, step: number): Promise<string[]> {
  const args = ['--import', 'tsx', VICTIM, target, `${step}`, `${deeds}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) said.push(line);
  await closed;
  return said;
}

test.each(SEEDS)(
  'killed over and over, a delivery loses nothing and ends whole (seed %i)',
  async (seed) => {
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const target = await scratchFolder();
    await plant(target, { 'taken.txt': 'old', 'album/film': 'old' });
    const done = new Set<string>();
    let said: string[] = [];
    for (let kills = 0; kills < KILLS; kills += 1) {
      said = await runFor(random(DEEDS / KILLS - 8), target, 1 + random(1000));
      expect(said.filter((line) => line.startsWith('damaged'))).toEqual([]);
      const held = new Set(said.filter((line) => line.startsWith('held ')).map((line) => line.slice(5)));
      // One that has its name, and whose journal did not come to say so, is held by its blocks.
      const blocksOf = new Map(
        VICTIM_FILES.map(({ path, sizeBytes }) => [path, Array.from(Array(blockCount(sizeBytes)).keys())]),
      );
      for (const what of done) {
        const [path = '', index] = what.split('#');
        const blocks = index === undefined ? (blocksOf.get(path) ?? []) : [index];
        const isHeld = held.has(path) || blocks.every((block) => held.has(`${path}#${block}`));
        expect(isHeld, `${what} was lost`).toBe(true);
      }
      for (const line of said) {
        const match = /^(?:written|committed|held) (.*)$/.exec(line);
        if (match?.[1]) done.add(match[1]);
      }
      expect(said).not.toContain('finished');
    }
    said = await runFor(Number.POSITIVE_INFINITY, target, 1);
    expect(said.at(-1)).toBe('finished');
    const places = said.filter((line) => line.startsWith('saved ')).map((line) => line.slice(6));
    expect(places).toHaveLength(VICTIM_FILES.length);
    for (const { path, sizeBytes } of VICTIM_FILES) {
      const place = path.replace(/^album/, 'album (2)').replace(/^taken/, 'taken (2)');
      expect(places).toContain(join(target, place));
      const blocks = Array.from({ length: blockCount(sizeBytes) }, (_, i) => victimBlock(path, sizeBytes, i));
      expect((await readFile(join(target, place))).equals(Buffer.concat(blocks)), place).toBe(true);
    }
    expect((await readdir(target)).sort()).toEqual(['album', 'album (2)', 'taken (2).txt', 'taken.txt']);
    expect(await readFile(join(target, 'album/film'), 'utf8')).toBe('old');
  },
  60_000,
);
