import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sallyport } from './harness/cli.ts';
import { digestContents, digestTree, makeFile, makeTree } from './harness/files.ts';
import { expect, test } from './harness/fixtures.ts';
import { type CliEvents, type Program, startProgram } from './harness/program.ts';

const dist = join(import.meta.dirname, '..', 'dist');

const MIB = 1024 * 1024;

/** More than any disk has free, and than any test waits for. */
const HUGE_BYTES = 15 * 1024 ** 4;

test.describe('a delivery', () => {
  test('is told in events that agree on both sides', async ({ cli, folder }) => {
    const totalBytes = 20 * MIB + 7;
    await makeTree(join(folder, 'album'), { 'film.bin': 20 * MIB, 'note.txt': 7, 'nothing/': 0 });
    const sender = cli(['send', join(folder, 'album')]);
    const { url } = await sender.waitFor('link');
    const receiver = cli(['receive', url, '-o', join(folder, 'got')]);
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);

    expect(receiver.events[0]).toEqual({ event: 'offer', files: 2, totalBytes });
    for (const { events } of [sender, receiver]) {
      const sessions = events.filter(({ event }) => event === 'session');
      expect(sessions.map((session) => 'route' in session && session.route)).toEqual(['lan']);
      const done = events.at(-1);
      expect(done).toMatchObject({
        event: 'done',
        bytes: totalBytes,
        wireBytes: totalBytes,
        files: 2,
        route: 'lan',
        lanes: 1,
      });
      expect((done as CliEvents['done']).seconds).toBeGreaterThan(0);
      const progress = events.filter((event) => event.event === 'progress');
      expect(progress.map(({ bytes }) => bytes)).toEqual(
        progress.map(({ bytes }) => bytes).sort((a, b) => a - b),
      );
      expect(progress.every(({ wireBytes, bytes }) => wireBytes >= bytes)).toBe(true);
      expect(progress.at(-1)).toMatchObject({ bytes: totalBytes, totalBytes, wireBytes: totalBytes });
    }
    expect(receiver.events.at(-1)).toMatchObject({ folder: join(folder, 'got') });
    const ids = sender.events.flatMap((event) => ('receiver' in event ? [event.receiver] : []));
    expect(new Set(ids).size).toBe(1);
    expect([sender.stderr(), receiver.stderr()]).toEqual(['', '']);
  });

  for (const [what, tree] of Object.entries({
    'of an empty folder': { 'nothing/': 0 },
    'of empty files alone': { a: 0, 'b/c': 0 },
    'of the longest of names, and the deepest of paths': {
      [`${'ü'.repeat(125)}.txt`]: 5,
      [`${'d/'.repeat(200)}x`]: 1,
    },
  })) {
    test(what, async ({ cli, folder }) => {
      const source = await makeTree(join(folder, 'album'), tree);
      const sender = cli(['send', source]);
      const { url } = await sender.waitFor('link');
      const receiver = cli(['receive', url, '-o', join(folder, 'got')]);
      expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);
      expect(await digestTree(join(folder, 'got', 'album'))).toEqual(await digestTree(source));
    });
  }

  test('of 10,000 small files', async ({ cli, folder }) => {
    const files = Array.from({ length: 10_000 }, (_, n) => `${n % 100}/${n}`);
    for (let n = 0; n < 100; n++) await mkdir(join(folder, 'album', `${n}`), { recursive: true });
    for (const file of files) await writeFile(join(folder, 'album', file), file.repeat(20));
    const sender = cli(['send', join(folder, 'album')]);
    const { url } = await sender.waitFor('link');
    const receiver = cli(['receive', url, '-o', join(folder, 'got')]);
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);
    expect(await receiver.waitFor('done')).toMatchObject({ files: files.length });
    for (const file of files) {
      const text = await readFile(join(folder, 'got', 'album', file), 'utf8');
      if (text !== file.repeat(20)) throw new Error(`${file} differs`);
    }
  });

  test('goes on though nobody reads what is said any more', async ({ server, cli, folder }) => {
    const source = await makeFile(join(folder, 'film.bin'), 3 * MIB);
    const args = [join(dist, 'cli', 'main.js'), 'send', '--json', '--server', server.url, source];
    const sender = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = (await once(sender.stdout, 'data')) as [Buffer];
      sender.stdout.destroy();
      const receiver = cli(['receive', JSON.parse(`${line}`).url, '-o', join(folder, 'got')]);
      expect((await receiver.exit).status).toBe(0);
      if (sender.exitCode === null) await once(sender, 'exit');
      expect(sender.exitCode).toBe(0);
    } finally {
      sender.kill('SIGKILL');
    }
  });
});

test.describe('a code', () => {
  test('is taken from wherever it is given', async ({ server, cli, folder }) => {
    const source = await makeFile(join(folder, 'note.txt'), 100);
    const sender = cli(['send', '--keep', source]);
    const ways: ((code: string) => Program)[] = [
      (code) => cli(['receive', code, '-o', join(folder, 'argument')]),
      (code) => cli(['receive', '-o', join(folder, 'environment')], { env: { SALLYPORT_CODE: code } }),
      (code) => cli(['receive', '-o', join(folder, 'input')], { input: `${code}\nmore\n` }),
      (code) =>
        cli(['receive', '-', '-o', join(folder, 'dash')], {
          input: ` ${code.replaceAll('-', ' ').toUpperCase()}`,
          env: { SALLYPORT_CODE: '100-able-able-able' },
        }),
      (code) =>
        startProgram(['receive', '--json', '-o', join(folder, 'server'), '--yes'], {
          env: { SALLYPORT_SERVER: server.url, SALLYPORT_CODE: code },
        }),
    ];
    const codes = [(await sender.waitFor('link')).code];
    for (const start of ways) {
      const receiver = start(codes.at(-1) ?? '');
      expect((await receiver.exit).status, JSON.stringify(receiver.events)).toBe(0);
      // A used code is followed by a new one.
      const { code } = await sender.waitFor('code', {
        matches: ({ code }) => code !== null && !codes.includes(code),
      });
      codes.push(code ?? '');
    }
    expect((await sender.stop('SIGINT')).status).toBe(130);
    expect(await readdir(folder)).toEqual(
      ['argument', 'dash', 'environment', 'input', 'note.txt', 'server'].sort(),
    );
  });

  test('that is wrong is refused; after three the sender has another', async ({ cli, folder }) => {
    const sender = cli(['send', await makeFile(join(folder, 'note.txt'), 100)]);
    const { code } = await sender.waitFor('link');
    const wrong = code.replace(/-.*/, code.includes('-able-') ? '-zoo-zoo-zoo' : '-able-able-able');
    for (let guess = 0; guess < 3; guess++) {
      const receiver = cli(['receive', wrong, '-o', folder]);
      expect(await receiver.waitFor('error')).toMatchObject({ code: 'wrong-code' });
      expect((await receiver.exit).status).toBe(1);
    }
    const { code: next } = await sender.waitFor('code', { matches: ({ reason }) => reason === 'burnt' });
    const late = cli(['receive', code, '-o', folder]);
    expect(await late.waitFor('error')).toMatchObject({ code: 'code-used' });
    const receiver = cli(['receive', next ?? '', '-o', join(folder, 'got')]);
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);
  });

  test('serves one of two who come at once', async ({ cli, folder }) => {
    const sender = cli(['send', await makeFile(join(folder, 'note.txt'), 100)]);
    const { code } = await sender.waitFor('link');
    const receivers = ['one', 'two'].map((name) => cli(['receive', code, '-o', join(folder, name)]));
    const exits = await Promise.all(receivers.map(({ exit }) => exit));
    expect(exits.map(({ status }) => status).sort()).toEqual([0, 1]);
    const late = receivers.find((_, index) => exits[index]?.status === 1);
    expect(await late?.waitFor('error')).toMatchObject({ code: 'code-used' });
    expect((await sender.exit).status).toBe(0);
  });

  for (const [code, detail] of Object.entries({
    '4821-aplpe-river-stone': '"aplpe" is not a word of the list; did you mean "apple"?',
    '4821-apple-river': 'a code has three words after its number, not 2',
    'apple-river-stone': 'a code begins with a number from 100 to 999999',
  })) {
    test(`mistyped as ${code} is refused before anything is asked`, async ({ folder }) => {
      const args = ['receive', '--json', '--server', 'http://127.0.0.1:1', code, '-o', folder];
      await using receiver = startProgram(args);
      expect(await receiver.waitFor('error')).toMatchObject({ code: 'code-malformed', detail });
      expect((await receiver.exit).status).toBe(1);
    });
  }

  test('that nobody holds is wrong', async ({ cli, folder }) => {
    // No such number is handed out as long as there are shorter ones: none of the other tests had it.
    const receiver = cli(['receive', '999999-able-able-able', '-o', folder]);
    expect(await receiver.waitFor('error')).toMatchObject({ code: 'wrong-code' });
    expect((await receiver.exit).status).toBe(1);
  });
});

test.describe('a link', () => {
  test('whose sender is gone is said to be that', async ({ cli, folder }) => {
    const sender = cli(['send', await makeFile(join(folder, 'note.txt'), 100)]);
    const { url } = await sender.waitFor('link');
    expect((await sender.stop('SIGINT')).status).toBe(130);
    const receiver = cli(['receive', url, '-o', join(folder, 'got')]);
    await receiver.waitFor('waiting');
    expect(await receiver.waitFor('error')).toMatchObject({ code: 'sender-gone' });
    expect((await receiver.exit).status).toBe(1);
  });

  test('that was cut is none', async ({ cli, server, folder }) => {
    const receiver = cli(['receive', `${server.url}/#AAAA`, '-o', folder]);
    expect(await receiver.waitFor('error')).toMatchObject({ code: 'link-malformed' });
    expect((await receiver.exit).status).toBe(1);
  });

  test('serves several at once, and one after the other, with --keep', async ({ cli, folder }) => {
    const source = await makeTree(join(folder, 'album'), { 'film.bin': 3 * MIB, 'note.txt': 7 });
    const sender = cli(['send', '--keep', source]);
    const { url } = await sender.waitFor('link');
    const receive = (name: string) => cli(['receive', url, '-o', join(folder, name)]).exit;
    const together = await Promise.all([receive('one'), receive('two'), receive('three')]);
    expect([...together, await receive('four')].map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    const digests = await digestTree(source);
    for (const name of ['one', 'two', 'three', 'four']) {
      expect(await digestTree(join(folder, name, 'album'))).toEqual(digests);
    }
    await expect.poll(() => sender.events.filter(({ event }) => event === 'done').length).toBe(4);
    const done = sender.events.flatMap((event) => (event.event === 'done' ? [event.receiver] : []));
    expect(new Set(done).size).toBe(4);
    expect((await sender.stop('SIGINT')).status).toBe(130);
  });
});

test.describe('what is not there, or not allowed,', () => {
  test('is not sent', async ({ cli, folder }) => {
    const sender = cli(['send', join(folder, 'none')]);
    expect(await sender.waitFor('error')).toMatchObject({
      code: 'source-unreadable',
      detail: expect.stringContaining(join(folder, 'none')),
    });
    expect((await sender.exit).status).toBe(1);
  });

  test('is left out of a folder, and named', async ({ cli, folder }) => {
    const source = await makeTree(join(folder, 'album'), { 'note.txt': 7, 'a\u001b[31mb': 1 });
    await symlink('/etc', join(source, 'etc'));
    await symlink('none', join(source, 'broken'));
    const sender = cli(['send', source]);
    const { url } = await sender.waitFor('link');
    expect(sender.events.slice(0, -1)).toEqual([
      { event: 'skipped', path: 'album/a\u001b[31mb', reason: 'unsafe-name' },
      { event: 'skipped', path: 'album/broken', reason: 'link-broken' },
      { event: 'skipped', path: 'album/etc', reason: 'link-outside' },
    ]);
    const receiver = cli(['receive', url, '-o', join(folder, 'got')]);
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);
    expect(Object.keys(await digestTree(join(folder, 'got')))).toEqual(['album', 'album/note.txt']);
  });

  test('is named on both sides where it changed meanwhile, and the rest arrives', async ({ cli, folder }) => {
    const source = await makeTree(join(folder, 'album'), {
      'changed.bin': 2 * MIB,
      'gone.bin': 2 * MIB,
      'same.bin': 2 * MIB,
    });
    const sender = cli(['send', source]);
    const { url } = await sender.waitFor('link');
    await appendFile(join(source, 'changed.bin'), 'more');
    await rm(join(source, 'gone.bin'));
    const receiver = cli(['receive', url, '-o', join(folder, 'got')]);
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([1, 1]);
    for (const { events } of [sender, receiver]) {
      const failed = events.flatMap((event) => (event.event === 'failed' ? [[event.path, event.code]] : []));
      expect(Object.fromEntries(failed)).toEqual({
        'album/changed.bin': 'source-changed',
        'album/gone.bin': 'source-unreadable',
      });
      expect(events.findLast(({ event }) => event === 'error')).toMatchObject({
        message: '1 of 3 files are verified and on disk; the others failed.',
      });
    }
    const { 'same.bin': same } = await digestTree(source);
    expect(await digestTree(join(folder, 'got', 'album'))).toEqual({ 'same.bin': same });
  });
});

test.describe('where it is saved', () => {
  test('nothing is overwritten, nor written through a link', async ({ cli, folder }) => {
    const source = await makeTree(join(folder, 'from'), { 'note.txt': 7, 'album/a': 3 });
    const got = await makeTree(join(folder, 'got'), { 'note.txt': 99 });
    const elsewhere = await makeTree(join(folder, 'elsewhere'), {});
    await symlink(elsewhere, join(got, 'album'));
    const before = await digestTree(got);
    const sender = cli(['send', join(source, 'album'), join(source, 'note.txt')]);
    const { url } = await sender.waitFor('link');
    const receiver = cli(['receive', url, '-o', got]);
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);
    const after = await digestContents(got);
    const sent = await digestContents(source);
    expect(after).toMatchObject({ 'album (2)/a': sent['album/a'], 'note (2).txt': sent['note.txt'] });
    expect(await digestTree(got)).toMatchObject(before);
    expect(await readdir(elsewhere)).toEqual([]);
    expect(receiver.events.filter(({ event }) => event === 'renamed')).toEqual([
      { event: 'renamed', path: 'album', savedAs: 'album (2)' },
      { event: 'renamed', path: 'note.txt', savedAs: 'note (2).txt' },
    ]);
  });

  test('a folder that is none is refused before the code is used', async ({ cli, folder }) => {
    const note = await makeFile(join(folder, 'note.txt'), 7);
    const sender = cli(['send', note]);
    const { code } = await sender.waitFor('link');
    for (const output of [note, join(note, 'below')]) {
      const receiver = cli(['receive', code, '-o', output]);
      expect(await receiver.waitFor('error')).toMatchObject({
        code: 'sink-failed',
        detail: expect.stringContaining(output),
      });
      expect((await receiver.exit).status).toBe(1);
    }
    const receiver = cli(['receive', code, '-o', join(folder, 'made', 'on', 'the', 'way')]);
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);
  });

  test('a disk too small is told to both before anything flows', async ({ cli, folder }) => {
    const huge = await open(join(folder, 'huge.bin'), 'w');
    await huge.truncate(HUGE_BYTES);
    await huge.close();
    const sender = cli(['send', join(folder, 'huge.bin')]);
    const { url } = await sender.waitFor('link');
    const receiver = cli(['receive', url, '-o', join(folder, 'got')]);
    for (const side of [receiver, sender]) {
      expect(await side.waitFor('error')).toMatchObject({ code: 'disk-full' });
      expect((await side.exit).status).toBe(1);
      expect(side.events.some(({ event }) => event === 'progress')).toBe(false);
    }
    expect(await readdir(join(folder, 'got'))).toEqual([]);
  });
});

test.describe('an interruption', () => {
  for (const who of ['sender', 'receiver'] as const) {
    test(`of the ${who} is told to the other side, and nothing half done has a name`, async ({
      cli,
      folder,
    }) => {
      const film = await open(join(folder, 'film.bin'), 'w');
      await film.truncate(8 * 1024 * MIB);
      await film.close();
      const sender = cli(['send', join(folder, 'film.bin')]);
      const { url } = await sender.waitFor('link');
      const receiver = cli(['receive', url, '-o', join(folder, 'got')]);
      await receiver.waitFor('progress', { matches: ({ bytes }) => bytes > 0 });
      const [first, other] = who === 'sender' ? [sender, receiver] : [receiver, sender];
      expect(await first.stop('SIGINT')).toEqual({ status: 130, signal: null });
      expect(await other.waitFor('error')).toMatchObject({ code: 'cancelled' });
      // A sender stays for a receiver that stopped.
      if (who === 'sender') expect((await other.exit).status).toBe(1);
      else await other.waitFor('stopped');
      expect(await readdir(join(folder, 'got'))).toEqual([expect.stringMatching(/^\.sallyport-partial-/)]);
    });
  }

  test('need not wait for a server that never answers', async ({ folder }) => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const { port } = silent.address() as AddressInfo;
      const connected = once(silent, 'connection');
      await using sender = sallyport(`http://127.0.0.1:${port}`, ['send', folder]);
      await connected;
      expect(await sender.stop('SIGINT')).toEqual({ status: 130, signal: null });
    } finally {
      silent.close();
    }
  });
});

test.describe('a server', () => {
  test('is named, and is one', async ({ server, folder }) => {
    await makeFile(join(folder, 'note.txt'), 7);
    const error = async (url: string): Promise<CliEvents['error']> => {
      await using sender = sallyport(url, ['send', join(folder, 'note.txt')]);
      expect((await sender.exit).status).toBe(1);
      return sender.waitFor('error');
    };
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, 'close');
    expect(await error(`http://127.0.0.1:${port}`)).toMatchObject({
      code: 'server-unreachable',
      detail: expect.stringContaining('ECONNREFUSED'),
    });
    expect(await error(`${server.url}/elsewhere`)).toMatchObject({ code: 'server-refused' });
    expect(await error(server.url.replace('http:', 'https:'))).toMatchObject({ code: 'server-unreachable' });
  });

  test('closes at once on SIGTERM, with a transfer running that does not need it', async ({ folder }) => {
    const free = ['--host', '127.0.0.1', '--port', '0', '--stun-port', '0'];
    await using server = startProgram(['serve', '--json', ...free]);
    const { url: serverUrl } = await server.waitFor('listening');
    const source = await makeFile(join(folder, 'film.bin'), 100 * MIB);
    await using sender = sallyport(serverUrl, ['send', source]);
    const { url } = await sender.waitFor('link');
    await using receiver = sallyport(serverUrl, ['receive', url, '-o', join(folder, 'got')]);
    await receiver.waitFor('session');
    expect(await server.stop('SIGTERM')).toEqual({ status: 0, signal: null });
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);
    expect(sender.events).toContainEqual({ event: 'server', connected: false });
  });

  test('needs a port that is free', async ({ server }) => {
    const port = new URL(server.url).port;
    const stunPort = server.stun.split(':').at(-1) ?? '';
    for (const [option, taken] of [
      ['--port', port],
      ['--stun-port', stunPort],
    ] as const) {
      const free = ['--port', '0', '--stun-port', '0'];
      const args = ['serve', '--json', '--host', '127.0.0.1', ...free, option, taken];
      await using second = startProgram(args);
      expect(await second.waitFor('error')).toMatchObject({
        code: 'usage',
        detail: `port ${taken} is taken: choose another with ${option}, or 0 for any free one`,
      });
      expect((await second.exit).status).toBe(2);
    }
  });

  test('with a certificate of its own making is reached by who trusts it', async ({ folder }) => {
    const env = { XDG_STATE_HOME: folder };
    const free = ['--json', '--host', '127.0.0.1', '--port', '0', '--stun-port', '0'];
    await using first = startProgram(['serve', ...free, '--tls', 'auto'], { env });
    const { url, fingerprint } = await first.waitFor('listening');
    expect(url).toMatch(/^https:/);
    expect(fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);

    const [cert, key] = ['tls-cert.pem', 'tls-key.pem'].map((name) => join(folder, 'sallyport', name));
    const source = await makeFile(join(folder, 'note.txt'), 7);
    await using stranger = sallyport(url, ['send', source]);
    expect(await stranger.waitFor('error')).toMatchObject({
      code: 'server-unreachable',
      detail: expect.stringContaining('self-signed certificate'),
    });

    // The same certificate, given by hand, serves as well.
    const given = ['--tls-cert', cert ?? '', '--tls-key', key ?? ''];
    await using second = startProgram(['serve', ...free, ...given]);
    const trust = { env: { NODE_EXTRA_CA_CERTS: cert ?? '' } };
    const listening = await second.waitFor('listening');
    expect(listening).not.toHaveProperty('fingerprint');
    await using sender = sallyport(listening.url, ['send', source], trust);
    const link = await sender.waitFor('link');
    await using receiver = sallyport('', ['receive', link.url, '-o', join(folder, 'got')], trust);
    expect([(await receiver.exit).status, (await sender.exit).status]).toEqual([0, 0]);
  });

  test('of STUN alone says where it is', async () => {
    const stun = spawn(process.execPath, [
      join(dist, 'stun-server', 'main.js'),
      '--json',
      '--host',
      '127.0.0.1',
      '--port',
      '0',
    ]);
    try {
      const [line] = (await once(stun.stdout, 'data')) as [Buffer];
      expect(JSON.parse(`${line}`)).toEqual({
        event: 'listening',
        stun: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      });
      stun.kill('SIGTERM');
      expect(await once(stun, 'exit')).toEqual([0, null]);
    } finally {
      stun.kill('SIGKILL');
    }
  });
});

test('without --json, what is copied stands on standard output alone, and a pipe gets no bar', async ({
  server,
  folder,
}) => {
  const source = await makeFile(join(folder, 'film.bin'), 30 * MIB);
  await using sender = startProgram(['send', '--server', server.url, source]);
  await expect.poll(() => sender.strayLines.length).toBe(2);
  const [link = '', code = ''] = sender.strayLines;
  expect([link, code]).toEqual([
    expect.stringMatching(/^Link: http:\S+#[\w-]{22}$/),
    expect.stringMatching(/^Code: \d+-[a-z]+-[a-z]+-[a-z]+$/),
  ]);
  const receive = [
    join(dist, 'cli', 'main.js'),
    'receive',
    link.replace('Link: ', ''),
    '-o',
    join(folder, 'got'),
  ];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, receive);
  expect(stdout).toBe('');
  expect(stderr).toMatch(
    /^Connected over the same network, round trip .* ms\.\nReceived 1 file, 31\.5 MB in .*got, verified \(.*\)\.\n$/,
  );
  expect((await sender.exit).status).toBe(0);
  expect(sender.stderr()).toMatch(
    /^Waiting for the receiver.*\nConnected .*\nThe receiver has 1 file, 31\.5 MB, verified \(.*\)\.\n$/,
  );
});

test.describe('after an interruption', () => {
  test('the same commands go on, by the same link, and nothing verified is sent twice', async ({
    cli,
    folder,
  }) => {
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const source = await makeTree(join(folder, 'album'), { 'film.bin': 200 * MIB, 'note.txt': 7 });
    await makeTree(join(folder, 'got'), { 'album/other.txt': 3 });
    const sender = cli(['send', source], { env });
    const { url } = await sender.waitFor('link');
    const killed = cli(['receive', url, '-o', join(folder, 'got')], { env });
    const { bytes } = await killed.waitFor('progress', { matches: (event) => event.bytes > 40 * MIB });
    await killed.stop('SIGKILL');
    await sender.stop('SIGKILL');

    const again = cli(['send', '--resume'], { env });
    expect((await again.waitFor('link')).url).toBe(url);
    const receiver = cli(['receive', url, '-o', join(folder, 'got')], { env });
    expect([(await receiver.exit).status, (await again.exit).status]).toEqual([0, 0]);
    expect(receiver.events).toContainEqual(expect.objectContaining({ event: 'continuing', what: 'album/' }));
    expect((await receiver.waitFor('done')).wireBytes).toBeLessThanOrEqual(200 * MIB + 7 - bytes);
    expect(await digestContents(join(folder, 'got', 'album (2)'))).toEqual(await digestContents(source));
    expect((await readdir(join(folder, 'got'))).sort()).toEqual(['album', 'album (2)']);

    const nothing = cli(['send', '--resume'], { env });
    expect((await nothing.exit).status).toBe(2);
    const other = cli(['send', source], { env });
    expect((await other.waitFor('link')).url).not.toBe(url);
  });

  test('what was interrupted on purpose is kept, and it is said how to go on', async ({ cli, folder }) => {
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const source = await makeFile(join(folder, 'film.bin'), 200 * MIB);
    const sender = cli(['send', source], { env });
    const { url, code } = await sender.waitFor('link');
    const receiver = cli(['receive', code, '-o', join(folder, 'got')], { env });
    await receiver.waitFor('progress', { matches: ({ bytes }) => bytes > 40 * MIB });
    expect((await receiver.stop('SIGINT')).status).toBe(130);
    const command = `sallyport receive -o ${join(folder, 'got')} '${url}'`;
    expect(receiver.events).toContainEqual({ event: 'resumable', command });
    await sender.waitFor('stopped');
    const newCode = await sender.waitFor('code', { matches: ({ reason }) => reason === 'opened' });
    expect(newCode.code).toMatch(/^\d+-/);
    expect((await sender.stop('SIGINT')).status).toBe(130);
    expect(sender.events).toContainEqual({ event: 'resumable', command: 'sallyport send --resume' });
    expect(await readdir(join(folder, 'got'))).toEqual([expect.stringMatching(/^\.sallyport-partial-/)]);
  });

  test('a receiver that stopped goes on with the sender that stayed', async ({ cli, folder }) => {
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const source = await makeFile(join(folder, 'film.bin'), 200 * MIB);
    const sender = cli(['send', source], { env });
    const { url } = await sender.waitFor('link');
    const stopped = cli(['receive', url, '-o', join(folder, 'got')], { env });
    const { bytes } = await stopped.waitFor('progress', { matches: (event) => event.bytes > 40 * MIB });
    expect((await stopped.stop('SIGINT')).status).toBe(130);
    const { receiver } = await sender.waitFor('stopped');
    expect(sender.events.at(-2)).toMatchObject({ event: 'error', code: 'cancelled', receiver });
    const again = cli(['receive', url, '-o', join(folder, 'got')], { env });
    expect([(await again.exit).status, (await sender.exit).status]).toEqual([0, 0]);
    expect((await again.waitFor('done')).wireBytes).toBeLessThanOrEqual(200 * MIB - bytes);
    expect(sender.events.map(({ event }) => event)).not.toContain('resumable');
    // Everything was delivered: the link is another from now on.
    const next = cli(['send', source], { env });
    expect((await next.waitFor('link')).url).not.toBe(url);
  });

  test('a receiver that was killed goes on as the same one', async ({ cli, folder }) => {
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const source = await makeFile(join(folder, 'film.bin'), 200 * MIB);
    const sender = cli(['send', source], { env });
    const { url } = await sender.waitFor('link');
    const killed = cli(['receive', url, '-o', join(folder, 'got')], { env });
    await killed.waitFor('progress', { matches: (event) => event.bytes > 40 * MIB });
    await killed.stop('SIGKILL');
    const again = cli(['receive', url, '-o', join(folder, 'got')], { env });
    expect([(await again.exit).status, (await sender.exit).status]).toEqual([0, 0]);
    const names = sender.events.map(({ event }) => event);
    expect(names).not.toContain('resumable');
    expect(names).not.toContain('error');
    const receivers = sender.events.flatMap((event) => ('receiver' in event ? [event.receiver] : []));
    expect(new Set(receivers).size).toBe(1);
  });

  test('a receiver that was killed goes on as the same one by its code, and done by nobody’s', async ({
    cli,
    folder,
  }) => {
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const source = await makeFile(join(folder, 'film.bin'), 200 * MIB);
    const sender = cli(['send', source], { env });
    const { code } = await sender.waitFor('link');
    const receive = () => cli(['receive', code, '-o', join(folder, 'got')], { env });
    const killed = receive();
    const { bytes } = await killed.waitFor('progress', { matches: (event) => event.bytes > 40 * MIB });
    await killed.stop('SIGKILL');
    const again = receive();
    expect([(await again.exit).status, (await sender.exit).status]).toEqual([0, 0]);
    expect((await again.waitFor('done')).wireBytes).toBeLessThanOrEqual(200 * MIB - bytes);
    const receivers = sender.events.flatMap((event) => ('receiver' in event ? [event.receiver] : []));
    expect(new Set(receivers).size).toBe(1);
    expect(await readdir(join(folder, 'state/sallyport/codes'))).toEqual([]);
    const late = receive();
    expect((await late.exit).status).toBe(1);
    expect(late.events.at(-1)).toMatchObject({ event: 'error', code: 'code-used' });
  });

  test('a finished file that was damaged meanwhile, or changed at the sender, is found when its folder is gone on with', async ({
    cli,
    folder,
  }) => {
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const files = { 'a.bin': 3 * MIB, 'b.bin': 3 * MIB, 'z.bin': 300 * MIB };
    const source = await makeTree(join(folder, 'album'), files);
    const got = join(folder, 'got/album');
    const sender = cli(['send', source], { env });
    const { url } = await sender.waitFor('link');
    const killed = cli(['receive', url, '-o', join(folder, 'got')], { env });
    await killed.waitFor('progress', { matches: ({ bytes }) => bytes > 40 * MIB });
    await killed.stop('SIGKILL');
    await sender.stop('SIGKILL');
    expect((await readdir(got)).sort()).toEqual(['a.bin', 'b.bin']);

    const { mtime } = await stat(join(got, 'a.bin'));
    const damaged = await open(join(got, 'a.bin'), 'r+');
    await damaged.write(Uint8Array.of(1, 2, 3), 0, 3, 2 * MIB);
    await damaged.utimes(mtime, mtime);
    await damaged.close();
    const kept = await Promise.all(['a.bin', 'b.bin'].map((name) => readFile(join(got, name))));
    await appendFile(join(source, 'b.bin'), 'more');

    const again = cli(['send', '--resume'], { env });
    await again.waitFor('link');
    const receiver = cli(['receive', url, '-o', join(folder, 'got')], { env });
    expect([(await receiver.exit).status, (await again.exit).status]).toEqual([0, 0]);
    expect(receiver.events).toContainEqual({ event: 'changed', path: 'album/b.bin' });
    const renamed = receiver.events.flatMap((event) => (event.event === 'renamed' ? [event] : []));
    expect(renamed).toMatchObject([
      { path: 'album/a.bin', savedAs: 'album/a (2).bin' },
      { path: 'album/b.bin', savedAs: 'album/b (2).bin' },
    ]);
    for (const [at, name] of ['a', 'b'].entries()) {
      expect((await readFile(join(got, `${name}.bin`))).equals(kept[at] ?? Buffer.alloc(0))).toBe(true);
      await rename(join(got, `${name} (2).bin`), join(got, `${name}.bin`));
    }
    expect(await digestContents(got)).toEqual(await digestContents(source));
  });

  test('a finished download can be verified, and what was changed in it is found', async ({
    cli,
    folder,
  }) => {
    const env = { XDG_STATE_HOME: join(folder, 'state') };
    const source = await makeTree(join(folder, 'album'), { 'film.bin': 3 * MIB, 'note.txt': 7 });
    const sender = cli(['send', source], { env });
    const { url } = await sender.waitFor('link');
    const receiver = cli(['receive', url, '-o', join(folder, 'got')], { env });
    expect((await receiver.exit).status).toBe(0);
    const verify = () => startProgram(['verify', '--json', join(folder, 'got')], { env });
    await using whole = verify();
    expect((await whole.exit).status).toBe(0);
    const film = await open(join(folder, 'got/album/film.bin'), 'r+');
    await film.write(Uint8Array.of(1, 2, 3), 0, 3, 2 * MIB);
    await film.close();
    await using changed = verify();
    expect((await changed.exit).status).toBe(1);
    expect(changed.events).toEqual([
      { event: 'verified', path: join(folder, 'got/album/film.bin'), verdict: 'changed' },
      { event: 'verified', path: join(folder, 'got/album/note.txt'), verdict: 'whole' },
      { event: 'summary', whole: 1, changed: 1, missing: 0, unreadable: 0 },
    ]);
  });
});
