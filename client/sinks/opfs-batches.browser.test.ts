import { afterEach, expect, test, vi } from 'vitest';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { namesOf } from '#transport/testing/delivery-names.ts';
import { contents } from '../zip/download-contents.testing.ts';
import type { OpfsCall } from './opfs-calls.ts';
import { OpfsSink } from './opfs-sink.ts';

const LEAF = new Uint8Array(32);
const ROOT = new Uint8Array(32);

const filesOf = (count: number, sizeBytes: number) =>
  Array.from({ length: count }, (_, id) => ({
    id,
    entry: { kind: 'file', path: `share/${id}`, sizeBytes } as const,
    bytes: new Uint8Array(sizeBytes).fill(id + 1),
  }));

let sink: OpfsSink | null = null;
afterEach(async () => {
  await sink?.forget();
  vi.restoreAllMocks();
});

/** Saves the files at once. @returns how many calls each message to the worker held */
async function save(files: ReturnType<typeof filesOf>): Promise<number[]> {
  sink = new OpfsSink(() => () => {});
  await sink.open(files, namesOf('batches'));
  const post = vi.spyOn(Worker.prototype, 'postMessage');
  await Promise.all(
    files.map(async ({ id, bytes }) => {
      await sink?.write(id, 0, bytes.slice(), LEAF);
      await sink?.commit(id, ROOT);
    }),
  );
  const batches = post.mock.calls.map(([calls]) => (calls as readonly OpfsCall[]).length);
  post.mockRestore();
  await sink.finish();
  const stands = await contents(sink.download);
  for (const { entry, bytes } of files) expect(stands.get(entry.path)?.join(), entry.path).toBe(bytes.join());
  return batches;
}

test('small files share messages to the worker, and lose nothing by it', async () => {
  const batches = await save(filesOf(200, 100));
  expect(batches.reduce((sum, calls) => sum + calls, 0)).toBe(400);
  expect(batches.length).toBeLessThan(10);
});

test('a block waits for nothing: each goes to the worker at once', async () => {
  sink = new OpfsSink(() => () => {});
  const files = filesOf(4, BLOCK_BYTES);
  await sink.open(files, namesOf('batches'));
  const post = vi.spyOn(Worker.prototype, 'postMessage');
  const writing = files.map(({ id, bytes }) => sink?.write(id, 0, bytes, LEAF));
  expect(post).toHaveBeenCalledTimes(4);
  await Promise.all(writing);
});

test('a call that the worker refuses fails alone', async () => {
  sink = new OpfsSink(() => () => {});
  const [one, other] = filesOf(2, 100);
  if (!one || !other) throw new Error('two files');
  await sink.open([one, other], namesOf('batches'));
  const [first, refused, last] = await Promise.allSettled([
    sink.write(0, 0, one.bytes.slice(), LEAF),
    sink.commit(1, ROOT),
    sink.commit(0, ROOT),
  ]);
  expect([first.status, refused.status, last.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  await sink.discard(1);
  await sink.finish();
  expect([...(await contents(sink.download)).keys()]).toEqual(['share/0']);
});
