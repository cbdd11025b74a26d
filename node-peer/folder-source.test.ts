import { execFileSync } from 'node:child_process';
import {
  appendFile,
  chmod,
  mkdir,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { changingSourceContract, fileSourceContract } from '#transport/file-source.contract.ts';
import { FolderSource } from './folder-source.ts';
import { MAX_OPEN_FILES } from './limits.ts';
import { plant, scratchFolder } from './scratch-folder.testing.ts';

async function offer(...paths: readonly string[]): Promise<FolderSource> {
  const source = await FolderSource.open(paths);
  onTestFinished(() => source.close());
  return source;
}

const pathsOf = (source: FolderSource) =>
  source.entries.map(({ kind, path }) => (kind === 'folder' ? `${path}/` : path));

async function readText(source: FolderSource, path: string): Promise<string> {
  const id = source.entries.findIndex((entry) => entry.path === path);
  const entry = source.entries[id];
  if (entry?.kind !== 'file') throw new Error(`${path} is not offered`);
  const text = new TextDecoder().decode(await source.read(id, 0, entry.sizeBytes));
  await source.confirmUnchanged(id);
  return text;
}

const fails = (code: string, detail: string | RegExp = '') =>
  expect.objectContaining({ code, message: expect.stringMatching(detail) });

describe('keeps the contract of sources', () => {
  async function setup() {
    const scratch = await scratchFolder();
    return {
      async offer(samples: ReadonlyMap<string, Uint8Array>) {
        await rm(join(scratch, 'share'), { recursive: true, force: true });
        await plant(scratch, Object.fromEntries(samples));
        return FolderSource.open([join(scratch, 'share')]);
      },
      async change(path: string, bytes: Uint8Array | null) {
        if (bytes === null) return unlink(join(scratch, path));
        await writeFile(join(scratch, path), bytes);
        await utimes(join(scratch, path), 2_000_000_000, 2_000_000_000);
      },
    };
  }
  for (const { name, run } of [...fileSourceContract, ...changingSourceContract]) {
    test(name, async () => run(await setup()));
  }
});

describe('what is offered', () => {
  test('folders before what lies in them, all in the order of names', async () => {
    const scratch = await scratchFolder();
    await plant(scratch, { 's/b/y': '', 's/b/x': '', 's/a': 'a', 's/c.txt': '', 's/B': '', 's/empty/': '' });
    const source = await offer(join(scratch, 's'));
    expect(pathsOf(source)).toEqual(['s/', 's/B', 's/a', 's/b/', 's/b/x', 's/b/y', 's/c.txt', 's/empty/']);
    expect(source.skipped).toEqual([]);
  });

  test('size, modification time and executable bit', async () => {
    const scratch = await scratchFolder();
    await plant(scratch, { 's/run.sh': 'echo', 's/plain': '' });
    await chmod(join(scratch, 's/run.sh'), 0o755);
    await utimes(join(scratch, 's/run.sh'), 1_234_567_890.123, 1_234_567_890.123);
    await utimes(join(scratch, 's'), 1_000_000_000, 1_000_000_000);
    const source = await offer(join(scratch, 's'));
    expect(source.entries[0]).toEqual({ kind: 'folder', path: 's', modifiedMs: 1_000_000_000_000 });
    expect(source.entries[1]).not.toHaveProperty('executable');
    expect(source.entries[2]).toEqual({
      ...{ kind: 'file', path: 's/run.sh', sizeBytes: 4, modifiedMs: 1_234_567_890_123, executable: true },
    });
  });

  test('each named path under its own name, the second of a name numbered', async () => {
    const scratch = await scratchFolder();
    await plant(scratch, { 'a/x.txt': '1', 'b/x.txt': '2', 'c/x.txt': '3', 'a/d/1': '', 'b/d/2': '' });
    const named = ['a/x.txt', 'b/x.txt', 'c/x.txt', 'a/d', 'b/d/'].map((path) => join(scratch, path));
    const source = await offer(...named);
    expect(pathsOf(source)).toEqual(['x.txt', 'x (2).txt', 'x (3).txt', 'd/', 'd/1', 'd (2)/', 'd (2)/2']);
    expect(await readText(source, 'x (2).txt')).toBe('2');
  });

  test('`.` and `..` are offered under their real names', async () => {
    const scratch = await scratchFolder();
    await plant(scratch, { 'real/in/x': 'x' });
    expect(pathsOf(await offer(`${scratch}/real/.`))).toEqual(['real/', 'real/in/', 'real/in/x']);
    expect(pathsOf(await offer(`${scratch}/real/in/..`))).toEqual(['real/', 'real/in/', 'real/in/x']);
  });

  test('names that other systems cannot hold are offered as they are', async () => {
    const scratch = await scratchFolder();
    const names = [
      'a:b',
      'aux.c',
      'back\\slash',
      'caf\u00e9',
      'cafe\u0301',
      'Makefile',
      'makefile',
      'trailing.',
    ];
    for (const name of names) await plant(scratch, { [`s/${name}`]: name });
    const source = await offer(join(scratch, 's'));
    expect(pathsOf(source)).toEqual(['s/', ...names.map((name) => `s/${name}`).sort()]);
    for (const name of names) expect(await readText(source, `s/${name}`)).toBe(name);
  });

  test('may lack some of what is named, but not all', async () => {
    const scratch = await scratchFolder();
    await writeFile(join(scratch, 'there'), 'x');
    const gone = join(scratch, 'gone');
    const source = await FolderSource.open([gone, join(scratch, 'there')], { mayLackSome: true });
    expect(source.entries.map(({ path }) => path)).toEqual(['there']);
    expect(source.skipped).toEqual([{ path: 'gone', reason: 'unreadable' }]);
    await source.close();
    await expect(FolderSource.open([gone], { mayLackSome: true })).rejects.toEqual(
      fails('source-unreadable'),
    );
  });

  test('a share of nothing is refused, one of an empty folder is not', async () => {
    const scratch = await scratchFolder();
    await expect(FolderSource.open([])).rejects.toEqual(fails('nothing-to-send'));
    expect(pathsOf(await offer(scratch))).toHaveLength(1);
  });

  test('a named path that is not there is named in the error', async () => {
    const scratch = await scratchFolder();
    await expect(FolderSource.open([scratch, join(scratch, 'gone')])).rejects.toEqual(
      fails('source-unreadable', /gone: ENOENT/),
    );
  });

  test('a named path that is neither file nor folder is refused without waiting for it', async () => {
    const scratch = await scratchFolder();
    execFileSync('mkfifo', [join(scratch, 'pipe')]);
    for (const path of [join(scratch, 'pipe'), '/dev/null']) {
      await expect(FolderSource.open([path])).rejects.toEqual(fails('source-unreadable', /neither/));
    }
  });

  test('a named path whose name cannot be sent is refused', async () => {
    const scratch = await scratchFolder();
    await plant(scratch, { 'a\nb': '' });
    await expect(FolderSource.open([join(scratch, 'a\nb')])).rejects.toEqual(fails('unsafe-path'));
  });
});

describe('links', () => {
  async function world() {
    const scratch = await scratchFolder();
    await plant(scratch, { 'sent/dir/x': 'inside', 'secret/x': 'outside', 'secret/deep/x': 'outside' });
    const link = (target: string, at: string) => symlink(target, join(scratch, at));
    return { scratch, sent: join(scratch, 'sent'), link };
  }

  test('in a sent folder only those to files of that folder are followed; the others are reported', async () => {
    const { scratch, sent, link } = await world();
    await link('dir/x', 'sent/in');
    await link('../sent/dir/../in', 'sent/in-by-detour');
    await link('../secret/x', 'sent/out');
    await link(join(scratch, 'secret/x'), 'sent/out-absolute');
    await link('../secret', 'sent/out-folder');
    await link('../sent-not', 'sent/out-alike');
    await plant(scratch, { 'sent-not/x': 'outside' });
    await link('dir', 'sent/folder');
    await link('.', 'sent/self');
    await link('gone', 'sent/broken');
    await link('loop', 'sent/loop');
    const source = await offer(sent);
    expect(pathsOf(source)).toEqual(['sent/', 'sent/dir/', 'sent/dir/x', 'sent/in', 'sent/in-by-detour']);
    expect(await readText(source, 'sent/in-by-detour')).toBe('inside');
    expect(source.skipped).toEqual([
      { path: 'sent/broken', reason: 'link-broken' },
      { path: 'sent/folder', reason: 'link-to-folder' },
      { path: 'sent/loop', reason: 'link-broken' },
      { path: 'sent/out', reason: 'link-outside' },
      { path: 'sent/out-absolute', reason: 'link-outside' },
      { path: 'sent/out-alike', reason: 'link-outside' },
      { path: 'sent/out-folder', reason: 'link-outside' },
      { path: 'sent/self', reason: 'link-to-folder' },
    ]);
  });

  test('a named path that is a link is followed, and keeps its name', async () => {
    const { scratch, link } = await world();
    await link('secret', 'current');
    await link('secret/x', 'file');
    const source = await offer(join(scratch, 'current'), join(scratch, 'file'));
    expect(pathsOf(source)).toEqual(['current/', 'current/deep/', 'current/deep/x', 'current/x', 'file']);
    expect(await readText(source, 'file')).toBe('outside');
    expect(await readText(source, 'current/deep/x')).toBe('outside');
  });

  test.each(['before it is read', 'after it was read'])(
    'a folder that a link replaces %s leads nowhere',
    async (when) => {
      const { scratch, sent, link } = await world();
      await plant(scratch, { 'secret/x': 'inside' });
      for (const path of ['sent/dir/x', 'secret/x']) await utimes(join(scratch, path), 1, 1);
      const source = await offer(sent);
      const id = source.entries.findIndex(({ path }) => path === 'sent/dir/x');
      if (when === 'after it was read') await source.read(id, 0, 1);
      await rm(join(sent, 'dir'), { recursive: true });
      await link('../secret', 'sent/dir');
      // Size and time are alike: only the way tells. A handle that is open still reads the file that was offered.
      await source.close();
      await expect(source.read(id, 0, 6)).rejects.toEqual(fails('source-unreadable'));
    },
  );

  test('a file that a link replaces is not read through it', async () => {
    const { scratch, sent, link } = await world();
    await plant(scratch, { 'secret/x': 'inside' });
    for (const path of ['sent/dir/x', 'secret/x']) await utimes(join(scratch, path), 1, 1);
    const source = await offer(sent);
    await unlink(join(sent, 'dir/x'));
    await link('../../secret/x', 'sent/dir/x');
    await expect(readText(source, 'sent/dir/x')).rejects.toEqual(fails('source-unreadable'));
  });
});

describe('what cannot be sent is reported, and the rest is sent', () => {
  test('pipes, sockets, names that are no text or hold controls', async () => {
    const scratch = await scratchFolder();
    await plant(scratch, { 's/ok': 'ok', 's/a\nb': '', 's/bad\tfolder/x': '' });
    await writeFile(Buffer.concat([Buffer.from(`${scratch}/s/`), Buffer.from([0x66, 0xff])]), '');
    execFileSync('mkfifo', [join(scratch, 's/pipe')]);
    const server = createServer().listen(join(scratch, 's/socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    const source = await offer(join(scratch, 's'));
    server.close();
    expect(pathsOf(source)).toEqual(['s/', 's/ok']);
    expect(source.skipped).toEqual([
      { path: 's/a\nb', reason: 'unsafe-name' },
      { path: 's/bad\tfolder', reason: 'unsafe-name' },
      { path: 's/f\ufffd', reason: 'unsafe-name' },
      { path: 's/pipe', reason: 'not-a-file' },
      { path: 's/socket', reason: 'not-a-file' },
    ]);
  });

  test('folders that may not be looked into', async () => {
    const scratch = await scratchFolder();
    await plant(scratch, { 's/ok': 'ok', 's/closed/x': '' });
    await chmod(scratch, 0o755);
    await chmod(join(scratch, 's/closed'), 0);
    // Root may look into everything: be nobody for a while.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      const source = await offer(join(scratch, 's'));
      expect(pathsOf(source)).toEqual(['s/', 's/ok']);
      expect(source.skipped).toEqual([{ path: 's/closed', reason: 'unreadable' }]);
      for (const path of ['s/closed', 's/closed/x']) {
        await expect(FolderSource.open([join(scratch, path)])).rejects.toEqual(
          fails('source-unreadable', /EACCES/),
        );
      }
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(join(scratch, 's/closed'), 0o755);
    }
  });

  test('files that may not be read', async () => {
    vi.resetModules();
    vi.doMock('node:fs/promises', async (original) => ({
      ...(await original<typeof import('node:fs/promises')>()),
      access: async (path: string) => {
        if (path.endsWith('secret')) throw Object.assign(new Error('EACCES: no'), { code: 'EACCES' });
      },
    }));
    onTestFinished(() => vi.doUnmock('node:fs/promises'));
    const fresh = await import('./folder-source.ts');
    const scratch = await scratchFolder();
    await plant(scratch, { 's/ok': 'ok', 's/secret': '' });
    const source = await fresh.FolderSource.open([join(scratch, 's')]);
    expect(pathsOf(source)).toEqual(['s/', 's/ok']);
    expect(source.skipped).toEqual([{ path: 's/secret', reason: 'unreadable' }]);
    await source.close();
    await expect(fresh.FolderSource.open([join(scratch, 's/secret')])).rejects.toEqual(
      fails('source-unreadable', /secret: EACCES/),
    );
  });

  test('a path that is too long for the wire', async () => {
    const scratch = await scratchFolder();
    const part = 'd'.repeat(250);
    let folder = join(scratch, 's');
    await mkdir(folder);
    // Made from within, since no single path may be this long.
    for (let depth = 0; depth < 17; depth++) {
      execFileSync('sh', ['-c', `cd -P . && mkdir -p ${part}`], { cwd: folder });
      if (depth < 14) folder = join(folder, part);
      else break;
    }
    execFileSync('sh', ['-c', `cd ${part} && mkdir ${part} && cd ${part} && echo x > ${'f'.repeat(200)}`], {
      cwd: folder,
    });
    const source = await offer(join(scratch, 's'));
    expect(source.skipped).toEqual([{ path: expect.stringMatching(/f{200}$/), reason: 'unsafe-name' }]);
    execFileSync('rm', ['-rf', join(scratch, 's')]);
  });
});

describe('a file that changes after it was offered', () => {
  async function world() {
    const scratch = await scratchFolder();
    await plant(scratch, { x: 'contents' });
    const path = join(scratch, 'x');
    await utimes(path, 1_000_000_000, 1_000_000_000);
    return { path, source: await offer(path) };
  }

  test.each<[string, (path: string) => Promise<unknown>, string]>([
    ['grows', (path) => appendFile(path, 'more'), 'source-changed'],
    ['shrinks', (path) => truncate(path, 3), 'source-changed'],
    ['is only touched', (path) => utimes(path, 5, 5), 'source-changed'],
    [
      'is replaced',
      (path) => writeFile(`${path}.new`, 'CONTENTS').then(() => rename(`${path}.new`, path)),
      'source-changed',
    ],
    [
      'becomes a pipe',
      async (path) => execFileSync('sh', ['-c', 'rm "$0" && mkfifo "$0"', path]),
      'source-changed',
    ],
    ['becomes a folder', (path) => unlink(path).then(() => mkdir(path)), 'source-changed'],
    ['vanishes', (path) => unlink(path), 'source-unreadable'],
    ['vanishes with its folder', (path) => rm(dirname(path), { recursive: true }), 'source-unreadable'],
  ])('%s', async (_, change, code) => {
    const { path, source } = await world();
    await change(path);
    await expect(source.read(0, 0, 8)).rejects.toEqual(fails(code, /^x: /));
    await expect(source.confirmUnchanged(0)).rejects.toEqual(fails(code));
  });

  test('written to and given its old time back, it is doubtful once', async () => {
    const { path, source } = await world();
    expect(await source.confirmUnchanged(0)).toBeNull();
    // The system's clock for files ticks every few milliseconds.
    await sleep(20);
    await writeFile(path, 'CONTENTS');
    await utimes(path, 1_000_000_000, 1_000_000_000);
    const doubt = await source.confirmUnchanged(0);
    expect(doubt).not.toBeNull();
    expect(await source.confirmUnchanged(0, doubt ?? 0)).toBeNull();
  });

  test('back as it was, it can be read again', async () => {
    const { path, source } = await world();
    await rename(path, `${path}.away`);
    await expect(source.read(0, 0, 8)).rejects.toEqual(fails('source-unreadable'));
    await rename(`${path}.away`, path);
    expect(await readText(source, 'x')).toBe('contents');
  });
});

test('ten thousand small files are offered and read, few of them open', async () => {
  const scratch = await scratchFolder();
  for (let i = 0; i < 100; i++) {
    const files = Array.from({ length: 100 }, (_, j) => [`s/${i}/${j}`, `${i}/${j}`] as const);
    await plant(scratch, Object.fromEntries(files));
  }
  const source = await offer(join(scratch, 's'));
  expect(source.entries).toHaveLength(1 + 100 + 10_000);
  for (let id = 0; id < source.entries.length; id++) {
    const entry = source.entries[id];
    if (entry?.kind !== 'file') continue;
    const text = new TextDecoder().decode(await source.read(id, 0, entry.sizeBytes));
    expect(`s/${text}`).toBe(entry.path);
    // As of a file that is read in several goes, which stays open meanwhile.
    expect(await source.read(id, 1, 1)).toEqual(new TextEncoder().encode(text.slice(1, 2)));
  }
  if (process.platform === 'linux') {
    const open = execFileSync('sh', [
      '-c',
      `ls -l /proc/${process.pid}/fd | grep -c "${scratch}/s/.*/"`,
    ]).toString();
    expect(Number(open)).toBeLessThanOrEqual(MAX_OPEN_FILES + 64);
  }
}, 60_000);
