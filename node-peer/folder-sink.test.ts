import { promises } from 'node:fs';
import { chmod, cp, mkdir, open, readdir, rename, rm, stat, symlink, unlink } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Entry } from '#protocol/entry.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { LocalRules } from '#protocol/local-path.ts';
import { sinkContract } from '#transport/sink.contract.ts';
import type { ChosenEntry, Sink } from '#transport/sink.ts';
import { resumeContract } from '#transport/sink-resume.contract.ts';
import { namesOf } from '#transport/testing/delivery-names.ts';
import { FolderSink } from './folder-sink.ts';
import { MAX_OPEN_FILES } from './limits.ts';
import { look, plant, scratchFolder } from './scratch-folder.testing.ts';

/** The sink keeps leaves and roots and judges nothing by them. */
const LEAF = new Uint8Array(32);

const LINUX: LocalRules = { windows: false, caseSensitive: true };
const WINDOWS: LocalRules = { windows: true, caseSensitive: false };

const file = (path: string, content = 'new', more: Partial<Entry> = {}) =>
  ({ entry: { kind: 'file', path, sizeBytes: content.length, ...more } as Entry, content }) as const;
const folder = (path: string, modifiedMs?: number) =>
  ({
    entry: { kind: 'folder', path, ...(modifiedMs ? { modifiedMs } : {}) } as Entry,
    content: null,
  }) as const;
type Given = ReturnType<typeof file> | ReturnType<typeof folder>;

const chosen = (given: readonly Given[]): ChosenEntry[] => given.map(({ entry }, id) => ({ id, entry }));
const write = (sink: Sink, id: number, content: string) =>
  content === '' ? Promise.resolve() : sink.write(id, 0, new TextEncoder().encode(content), LEAF);

/** Saves all that is given; returns where each went, below the target. */
async function save(target: string, given: readonly Given[], rules: LocalRules = LINUX): Promise<string[]> {
  const sink = await FolderSink.create(target, rules);
  await sink.open(chosen(given), namesOf('share'));
  for (const [id, { content }] of given.entries()) {
    if (content === null) continue;
    await write(sink, id, content);
    await sink.commit(id, LEAF);
  }
  return (await sink.finish()).map(({ savedAs }) => savedAs.slice(target.length + 1));
}

/** What the death of their process makes of locks: the next one takes them over. */
async function dropLocks(target: string): Promise<void> {
  for (const name of await readdir(target)) {
    if (name.startsWith('.sallyport-')) await rm(join(target, name, 'lock'), { force: true });
  }
}

const fails = (code: string, detail: string | RegExp = '') =>
  expect.objectContaining({ code, message: expect.stringMatching(detail) });

afterEach(() => vi.restoreAllMocks());

describe('keeps the contract of sinks', () => {
  for (const { name, run } of [...sinkContract, ...resumeContract]) {
    for (const [system, rules] of [
      ['Linux', LINUX],
      ['Windows', WINDOWS],
    ] as const) {
      test(`${name} (${system} names)`, async () => {
        const target = join(await scratchFolder(), 'target');
        await mkdir(target);
        await run({
          create: () => FolderSink.create(target, rules),
          async crash(sink) {
            const asItWas = `${target}-as-it-was`;
            await cp(target, asItWas, { recursive: true, preserveTimestamps: true });
            await sink.suspend();
            await rm(target, { recursive: true });
            await rename(asItWas, target);
            await dropLocks(target);
          },
          async saved() {
            const found = Object.entries(await look(target)).filter(
              ([path]) => !path.startsWith('.sallyport-'),
            );
            const bytes = (content: string | null) =>
              content && Uint8Array.from(Buffer.from(content, 'latin1'));
            return new Map(
              found.map(([path, content]) => [join(target, path), bytes(content) || emptyOr(content)]),
            );
          },
        });
      });
    }
  }
  const emptyOr = (content: string | null) => (content === null ? null : new Uint8Array(0));
});

test('the target is made if it is not there, and nothing else is left in it', async () => {
  const target = join(await scratchFolder(), 'new', 'target');
  expect(await save(target, [file('a.txt'), folder('empty')])).toEqual(['a.txt', 'empty']);
  expect(await look(target)).toEqual({ 'a.txt': 'new', empty: null });
});

test('a target that is a file is refused', async () => {
  const scratch = await scratchFolder();
  await plant(scratch, { x: '' });
  await expect(FolderSink.create(join(scratch, 'x'))).rejects.toEqual(
    fails('sink-failed', /x: it is not a folder/),
  );
});

test('a target that may not be written to is refused before anything is offered', async () => {
  const target = await scratchFolder();
  await chmod(target, 0o555);
  onTestFinished(() => chmod(target, 0o755));
  // Root may write everywhere: then the refusal is that of a disk mounted for reading.
  const refusal = vi.spyOn(promises, 'access');
  if (process.getuid?.() === 0)
    refusal.mockRejectedValue(
      Object.assign(new Error('EROFS: read-only file system, access'), { code: 'EROFS' }),
    );
  syncBuiltinESMExports();
  onTestFinished(() => {
    refusal.mockRestore();
    syncBuiltinESMExports();
  });
  await expect(FolderSink.create(target)).rejects.toEqual(fails('sink-failed', /: E(ACCES|ROFS): /));
});

describe('what stands in the target is left alone', () => {
  test('files and folders of the same name; a folder moves aside as a whole', async () => {
    const target = await scratchFolder();
    const old = { 'a.txt': 'old', 'a (2).txt': 'old', 'b.txt/in': 'old', 'dir/a': 'old', dir2: 'old' };
    await plant(target, old);
    const given = [file('a.txt'), file('b.txt'), folder('dir'), file('dir/a'), file('dir/b'), file('dir2/c')];
    expect(await save(target, given)).toEqual([
      'a (3).txt',
      'b (2).txt',
      'dir (2)',
      'dir (2)/a',
      'dir (2)/b',
      'dir2 (2)/c',
    ]);
    expect(await look(target)).toMatchObject({
      'a.txt': 'old',
      'b.txt/in': 'old',
      'dir/a': 'old',
      dir2: 'old',
    });
  });

  test('also what comes into being only while the transfer runs', async () => {
    const target = await scratchFolder();
    const given = [file('a.txt'), file('dir/b')];
    const sink = await FolderSink.create(target, LINUX);
    await sink.open(chosen(given), namesOf('share'));
    await plant(target, { 'a.txt': 'old', 'a (2).txt': 'old', 'dir/b': 'old' });
    for (const id of [0, 1]) await write(sink, id, 'new').then(() => sink.commit(id, LEAF));
    expect((await sink.finish()).map(({ savedAs }) => savedAs)).toEqual([
      join(target, 'a (3).txt'),
      join(target, 'dir (2)/b'),
    ]);
    expect(await look(target)).toMatchObject({ 'a.txt': 'old', 'a (2).txt': 'old', 'dir/b': 'old' });
  });

  test('two transfers into one folder at once', async () => {
    const target = await scratchFolder();
    const all = Array.from({ length: 5 }, () => save(target, [file('a.txt'), folder('dir'), file('dir/b')]));
    await Promise.all(all);
    expect((await readdir(target)).sort()).toEqual([
      ...['a (2).txt', 'a (3).txt', 'a (4).txt', 'a (5).txt', 'a.txt'],
      ...['dir', 'dir (2)', 'dir (3)', 'dir (4)', 'dir (5)'],
    ]);
  });

  test('on a disk without hard links too', async () => {
    vi.resetModules();
    vi.doMock('node:fs/promises', async (original) => ({
      ...(await original<typeof import('node:fs/promises')>()),
      link: () =>
        Promise.reject(Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' })),
    }));
    onTestFinished(() => vi.doUnmock('node:fs/promises'));
    const fresh = await import('./folder-sink.ts');
    const target = await scratchFolder();
    const sink = await fresh.FolderSink.create(target, LINUX);
    await sink.open(chosen([file('a.txt'), file('b.txt')]), namesOf('share'));
    await plant(target, { 'a.txt': 'old' });
    for (const id of [0, 1]) await write(sink, id, 'new').then(() => sink.commit(id, LEAF));
    await sink.finish();
    expect(await look(target)).toEqual({ 'a.txt': 'old', 'a (2).txt': 'new', 'b.txt': 'new' });
  });
});

describe('links in the target are never written through', () => {
  test('links by the names of files and folders', async () => {
    const scratch = await scratchFolder();
    const target = join(scratch, 'target');
    await plant(scratch, { 'target/': '', 'outside/file': 'old' });
    await symlink('../outside/file', join(target, 'a'));
    await symlink('../outside', join(target, 'dir'));
    await symlink('../outside/not-there', join(target, 'broken'));
    const given = [file('a'), file('dir/file'), file('dir/new'), file('broken')];
    expect(await save(target, given)).toEqual(['a (2)', 'dir (2)/file', 'dir (2)/new', 'broken (2)']);
    expect(await look(join(scratch, 'outside'))).toEqual({ file: 'old' });
  });

  test('links put in the place of a folder of the share, in mid-transfer', async () => {
    const scratch = await scratchFolder();
    const target = join(scratch, 'target');
    await plant(scratch, { 'target/': '', 'outside/': '' });
    const given = [file('dir/sub/a'), file('dir/sub/b'), file('dir/c'), file('d')];
    const sink = await FolderSink.create(target, LINUX);
    await sink.open(chosen(given), namesOf('share'));
    await Promise.all(given.map((_, id) => write(sink, id, 'new')));
    await sink.commit(0, LEAF);
    await rename(join(target, 'dir'), join(target, 'moved'));
    await symlink('../outside', join(target, 'dir'));
    // What still has its folder open puts files there; what must look the way up again finds the link.
    for (const id of [1, 2])
      await sink.commit(id, LEAF).catch((error) => expect(error).toEqual(fails('sink-failed')));
    await sink.commit(3, LEAF);
    await sink.abort();
    expect(await look(join(scratch, 'outside'))).toEqual({});
    expect(await look(target)).toMatchObject({ d: 'new', dir: '-> ../outside', 'moved/sub/a': 'new' });
  });

  test('a link put in the place of a folder that must be looked up again fails the file and names it', async () => {
    const scratch = await scratchFolder();
    const target = join(scratch, 'target');
    await plant(scratch, { 'target/': '', 'outside/': '' });
    const given = Array.from({ length: 200 }, (_, i) => file(`${i}/x`));
    const sink = await FolderSink.create(target, LINUX);
    await sink.open(chosen([...given, file('0/y')]), namesOf('share'));
    for (const id of [...given.keys(), 200]) await write(sink, id, 'new');
    for (const id of given.keys()) await sink.commit(id, LEAF);
    await rm(join(target, '0'), { recursive: true });
    await symlink('../outside', join(target, '0'));
    await expect(sink.commit(200, LEAF)).rejects.toEqual(fails('sink-failed', /^0\/y: ENOTDIR/));
    await sink.abort();
    expect(await look(join(scratch, 'outside'))).toEqual({});
  });

  test('links put in the place of a partial file', async () => {
    const scratch = await scratchFolder();
    const target = join(scratch, 'target');
    await plant(scratch, { 'target/': '', 'outside/x': 'old' });
    const sink = await FolderSink.create(target, LINUX);
    await sink.open(chosen([file('a')]), namesOf('share'));
    const [partials] = await readdir(target);
    await symlink('../../outside/x', join(target, partials as string, '0'));
    await expect(write(sink, 0, 'new')).rejects.toEqual(fails('sink-failed', /^a: EEXIST/));
    await sink.abort();
    expect(await look(join(scratch, 'outside'))).toEqual({ x: 'old' });
  });

  test('but the target itself may be one', async () => {
    const scratch = await scratchFolder();
    await plant(scratch, { 'real/': '' });
    await symlink('real', join(scratch, 'link'));
    expect(await save(join(scratch, 'link'), [file('a')])).toEqual(['a']);
    expect(await look(join(scratch, 'real'))).toEqual({ a: 'new' });
  });
});

test('names that this system cannot tell apart or hold become others', async () => {
  const given = [
    file('A/x', '1'),
    file('a/y', '2'),
    file('caf\u00e9', '3'),
    file('cafe\u0301', '4'),
    file('nul', '5'),
  ];
  const onWindows = await scratchFolder();
  await save(onWindows, given, WINDOWS);
  expect(await look(onWindows)).toEqual({
    ...{ A: null, 'A/x': '1', 'a (2)': null, 'a (2)/y': '2' },
    ...{ 'caf\u00e9': '3', 'cafe\u0301 (2)': '4', _nul: '5' },
  });
  if (process.platform !== 'linux') return;
  const onLinux = await scratchFolder();
  await save(onLinux, [...given, file('a:b'), file('x\u202egpj.exe')], LINUX);
  expect(Object.keys(await look(onLinux)).sort()).toEqual(
    ['A', 'A/x', 'a', 'a/y', 'a:b', 'cafe\u0301', 'caf\u00e9', 'nul', 'x_gpj.exe'].sort(),
  );
});

test('modification times and executable bits arrive, of folders too', async () => {
  const target = await scratchFolder();
  const given = [
    folder('dir', 1_000_000_000_000),
    folder('dir/sub', 1_100_000_000_000),
    file('dir/sub/run.sh', 'echo', { modifiedMs: 1_234_567_890_123, executable: true }),
    file('dir/large', 'x'.repeat(BLOCK_BYTES), { modifiedMs: 1_200_000_000_000 }),
    file('dir/ancient', '', { modifiedMs: -86_400_000 }),
    file('dir/odd', '', { modifiedMs: Number.MAX_SAFE_INTEGER }),
  ];
  await save(target, given);
  const at = async (path: string) => {
    const { mtimeMs, mode } = await stat(join(target, path));
    return [Math.round(mtimeMs), (mode & 0o111) !== 0];
  };
  expect(await at('dir/sub/run.sh')).toEqual([1_234_567_890_123, true]);
  expect(await at('dir/large')).toEqual([1_200_000_000_000, false]);
  expect(await at('dir/ancient')).toEqual([-86_400_000, false]);
  expect(await at('dir/sub')).toEqual([1_100_000_000_000, true]);
  expect(await at('dir')).toEqual([1_000_000_000_000, true]);
});

test('what the umask takes away is taken away', async () => {
  const before = process.umask(0o077);
  onTestFinished(() => {
    process.umask(before);
  });
  const target = await scratchFolder();
  await save(target, [file('plain'), file('run', '', { executable: true })]);
  expect((await stat(join(target, 'plain'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(target, 'run'))).mode & 0o777).toBe(0o700);
});

describe('a disk that is full', () => {
  test('is found before anything is written', async () => {
    const target = await scratchFolder();
    const sink = await FolderSink.create(target);
    const entry: Entry = { kind: 'file', path: 'large', sizeBytes: 2 ** 52 };
    await expect(sink.open([{ id: 0, entry }], namesOf('share'))).rejects.toEqual(
      fails('disk-full', / needed, .* free in /),
    );
    await sink.abort();
    expect(await look(target)).toEqual({});
  });

  test('and in mid-transfer', async () => {
    const target = await scratchFolder();
    const sink = await FolderSink.create(target);
    await sink.open(chosen([file('a'), file('b')]), namesOf('share'));
    await write(sink, 0, 'new').then(() => sink.commit(0, LEAF));
    const full = await open('/dev/full', 'w');
    const { write: reallyWrite } = full;
    vi.spyOn(Object.getPrototypeOf(full), 'write').mockImplementation((...args: unknown[]) =>
      Reflect.apply(reallyWrite, full, args),
    );
    await expect(write(sink, 1, 'new')).rejects.toEqual(fails('disk-full', /^b: ENOSPC/));
    vi.restoreAllMocks();
    await full.close();
    await sink.abort();
    expect(await look(target)).toEqual({ a: 'new' });
  });
});

test('a target that vanishes fails the files, with their names', async () => {
  const target = join(await scratchFolder(), 'target');
  const sink = await FolderSink.create(target);
  await sink.open(chosen([file('a'), file('b')]), namesOf('share'));
  await write(sink, 0, 'new');
  await rm(target, { recursive: true });
  await expect(sink.commit(0, LEAF)).rejects.toEqual(fails('sink-failed', /^a: ENOENT/));
  await expect(write(sink, 1, 'new')).rejects.toEqual(fails('sink-failed', /^b: ENOENT/));
  await sink.abort();
});

test('a saved file that vanishes before it is durable fails the end', async () => {
  const target = await scratchFolder();
  const sink = await FolderSink.create(target);
  await sink.open(chosen([file('a')]), namesOf('share'));
  await write(sink, 0, 'new').then(() => sink.commit(0, LEAF));
  await unlink(join(target, 'a'));
  await expect(sink.finish()).rejects.toEqual(fails('sink-failed'));
  await sink.abort();
  expect(await look(target)).toEqual({});
});

test('an end too early keeps what was committed and its folders, and takes back the rest', async () => {
  const target = await scratchFolder();
  const given = [folder('dir'), folder('dir/empty'), file('dir/a'), file('dir/b'), file('other/c')];
  const sink = await FolderSink.create(target);
  await sink.open(chosen(given), namesOf('share'));
  for (const id of [2, 3, 4]) await write(sink, id, 'new');
  await sink.commit(2, LEAF);
  await sink.commit(4, LEAF);
  await unlink(join(target, 'other/c'));
  await sink.abort();
  expect(await look(target)).toEqual({ dir: null, 'dir/a': 'new' });
});

test('ten thousand small files at once, few of them open', async () => {
  const target = await scratchFolder();
  const given = Array.from({ length: 10_000 }, (_, i) => file(`dir/${i % 100}/${i}`, `${i}`));
  const sink = await FolderSink.create(target);
  await sink.open(chosen(given), namesOf('share'));
  let mostOpen = 0;
  const countOpen = async () => {
    if (process.platform === 'linux') mostOpen = Math.max(mostOpen, (await readdir('/proc/self/fd')).length);
  };
  for (let first = 0; first < given.length; first += 1000) {
    const batch = given.slice(first, first + 1000).map((one, i) => [first + i, one.content] as const);
    await Promise.all(batch.map(([id, content]) => write(sink, id, content)));
    await countOpen();
    await Promise.all(batch.map(([id]) => sink.commit(id, LEAF)));
  }
  await sink.finish();
  expect(mostOpen).toBeLessThan(MAX_OPEN_FILES + 200);
  const found = await look(target);
  for (const { entry, content } of given) expect(found[entry.path]).toBe(content);
  expect(Object.keys(found)).toHaveLength(10_000 + 100 + 1);
}, 60_000);
