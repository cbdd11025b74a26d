import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestTree, makeFile, makeTree } from './harness/files.ts';
import { test as base, expect } from './harness/fixtures.ts';
import { startTerminal, type Terminal, type TerminalOptions } from './harness/terminal.ts';

const test = base.extend<{ open: (options?: TerminalOptions) => Promise<Terminal> }>({
  open: async ({ server }, use) => {
    const terminals: Terminal[] = [];
    await use(async (options) => {
      const terminal = await startTerminal({ ...options, env: { SALLYPORT_SERVER: server.url } });
      terminals.push(terminal);
      return terminal;
    });
    await Promise.all(terminals.map((terminal) => terminal[Symbol.asyncDispose]()));
  },
});

const QUESTION = /n for nothing\]$/;

/** Sends in one terminal, and brings another to its question by the code on the sender's screen. */
async function offer(sender: Terminal, receiver: Terminal, path: string, folder: string): Promise<string> {
  await sender.enter(`sallyport send '${path}'`);
  const code = lastCode(await sender.waitFor(/^Waiting for the receiver/m));
  await receiver.enter(`sallyport receive ${code} -o '${folder}'`);
  return receiver.waitFor(QUESTION);
}

function lastCode(screen: string): string {
  return [...screen.matchAll(/code: (\d+-\w+-\w+-\w+)/gi)].at(-1)?.[1] ?? '';
}

/** Takes seconds to send and no time to make. */
async function makeFilm(folder: string): Promise<string> {
  const path = join(folder, 'film.bin');
  await using file = await open(path, 'w');
  await file.truncate(8 * 1024 ** 3);
  return path;
}

test('one person sends, another picks, and both read how it went', async ({ open, folder }) => {
  const [sender, receiver] = [await open(), await open()];
  const source = await makeTree(join(folder, 'album'), {
    'a.bin': 3_000_000,
    'b\u202etxt.exe': 5,
    'c/d.txt': 7,
    'c/e.txt': 1,
  });
  const asked = await offer(sender, receiver, source, join(folder, 'got'));
  expect(asked).toContain(
    [
      'Offered: album/, 4 files, 3.00 MB',
      '   1  a.bin  (3.00 MB)',
      '   2  b_txt.exe  (5 bytes)',
      '   3  c/  (2 files, 8 bytes)',
    ].join('\n'),
  );
  await receiver.enter('4');
  await receiver.waitFor(/^Press Enter, or type n, or numbers from the list\.$/m);
  await receiver.enter('2-3');
  expect(await receiver.status()).toBe(0);
  expect(await sender.status()).toBe(0);
  expect(await digestTree(join(folder, 'got', 'album'))).toEqual(
    await digestTree(source).then(({ 'a.bin': _, 'b\u202etxt.exe': b, ...tree }) => ({
      'b_txt.exe': b,
      ...tree,
    })),
  );

  const sent = await sender.screen();
  expect(sent).toMatch(
    /^Link: http:\S+#[\w-]{22}\nCode: \d+-[a-z]+-[a-z]+-[a-z]+\n\n(█[█▀▄ ]+█\n){10,}▀+\n\nWaiting/m,
  );
  expect(sent).toMatch(
    /^The code has been used\. The link still works\.\nConnected over the same network, round trip \S+ ms\.\nThe receiver has 3 files, 13 bytes, verified \(.*\)\.$/m,
  );
  const received = await receiver.screen();
  expect(received).toMatch(
    /^Connected over the same network, round trip \S+ ms\.\nReceived 3 files, 13 bytes in .*got, verified \(.*\)\.$/ms,
  );
  expect(received).not.toMatch(/[█░]/);
});

test('Enter takes all; a bar fits a narrow terminal; Ctrl-C leaves nothing half done under a name', async ({
  open,
  folder,
}) => {
  const [sender, receiver] = [await open(), await open({ columns: 40 })];
  const film = await makeFilm(folder);
  await offer(sender, receiver, film, join(folder, 'got'));
  await receiver.enter('');
  for (const [terminal, columns] of [
    [receiver, 40],
    [sender, 120],
  ] as const) {
    const lines = (await terminal.waitFor(/░ +\d+% .* of 8\.59 GB/)).split('\n');
    const bars = lines.filter((line) => line.includes('░'));
    expect(bars).toHaveLength(1);
    expect(bars[0]?.length).toBeLessThanOrEqual(columns - 3);
    expect(lines.slice(lines.indexOf(bars[0] ?? '') + 1).join('')).toBe('');
  }
  await receiver.press('C-c');
  expect(await receiver.status()).toBe(130);
  expect(await receiver.screen()).toMatch(/^The transfer was cancelled\.$/m);
  await sender.waitFor(
    /^The other side cancelled the transfer\.\nThe receiver stopped\. The same link still works, .*\nNew code: /m,
  );
  expect(await sender.screen()).not.toContain('░');
  // What has arrived is kept for another run, out of sight.
  expect(
    (await readdir(join(folder, 'got'))).filter((name) => !name.startsWith('.sallyport-partial-')),
  ).toEqual([]);
});

test('Ctrl-C at the sender ends the receiver too', async ({ open, folder }) => {
  const [sender, receiver] = [await open(), await open()];
  await offer(sender, receiver, await makeFilm(folder), join(folder, 'got'));
  await receiver.enter('y');
  await receiver.waitFor(/\d+% .* of 8\.59 GB/);
  await sender.press('C-c');
  expect(await sender.status()).toBe(130);
  expect(await receiver.status()).toBe(1);
  expect(await receiver.screen()).toMatch(/^The other side cancelled the transfer\.$/m);
  expect(await receiver.screen()).not.toContain('░');
  // What has arrived is kept for another run, out of sight.
  expect(
    (await readdir(join(folder, 'got'))).filter((name) => !name.startsWith('.sallyport-partial-')),
  ).toEqual([]);
});

test('who declines is told of, and leaves a new code for the next', async ({ open, folder }) => {
  const [sender, receiver] = [await open(), await open()];
  await offer(sender, receiver, await makeFile(join(folder, 'note.txt'), 7), join(folder, 'got'));
  await receiver.enter('n');
  expect(await receiver.status()).toBe(1);
  expect(await receiver.screen()).toMatch(/^Nothing was saved\. The sender is told\.$/m);
  const screen = await sender.waitFor(/^New code: /m);
  expect(screen).toMatch(/^The receiver declined\.$/m);

  // At the question that stands where a code would.
  await receiver.enter(`sallyport receive -o '${folder}/got'`);
  await receiver.waitFor(/\nLink or code:$/);
  await receiver.enter(lastCode(screen));
  await receiver.waitFor(QUESTION);
  await receiver.enter('');
  expect(await receiver.status()).toBe(0);
  expect(await sender.status()).toBe(0);
});

test('a question can be left: by Ctrl-C, by the end of input, by the sender', async ({ open, folder }) => {
  const [sender, receiver] = [await open(), await open()];
  await receiver.enter('sallyport receive');
  await receiver.waitFor(/\nLink or code:$/);
  await receiver.press('C-c');
  expect(await receiver.status()).toBe(130);

  await offer(sender, receiver, await makeFile(join(folder, 'note.txt'), 7), join(folder, 'got'));
  await receiver.press('C-c');
  expect(await receiver.status()).toBe(130);
  let code = lastCode(await sender.waitFor(/^The other side cancelled the transfer\.\nNew code: /m));

  await receiver.enter(`clear; sallyport receive ${code} -o '${folder}/got'`);
  await receiver.waitFor(QUESTION);
  await receiver.press('C-d');
  expect(await receiver.status()).toBe(1);
  code = lastCode(await sender.waitFor(/^The receiver declined\.\nNew code: /m));

  await receiver.enter(`clear; sallyport receive ${code} -o '${folder}/got'`);
  await receiver.waitFor(QUESTION);
  await sender.press('C-c');
  expect(await sender.status()).toBe(130);
  expect(await receiver.status()).toBe(1);
  expect(await receiver.screen()).toMatch(/n for nothing\]\nThe other side cancelled the transfer\.$/m);
});

test('--yes asks nothing', async ({ open, folder }) => {
  const [sender, receiver] = [await open(), await open()];
  await sender.enter(`sallyport send '${await makeFile(join(folder, 'note.txt'), 7)}'`);
  const code = lastCode(await sender.waitFor(/^Waiting/m));
  await receiver.enter(`sallyport receive -y -o '${folder}/got' ${code}`);
  expect(await receiver.status()).toBe(0);
  expect(await receiver.screen()).not.toContain('Save to');
});

test('a server is open until Ctrl-C', async ({ open }) => {
  const terminal = await open();
  await terminal.enter('sallyport serve --host 127.0.0.1 --port 0 --stun-port 0');
  await terminal.waitFor(
    /^Sallyport is open at http:\/\/127\.0\.0\.1:\d+\/\nSTUN at 127\.0\.0\.1:\d+\. Ctrl-C closes it\.$/m,
  );
  await terminal.press('C-c');
  expect(await terminal.status()).toBe(0);
});

test('p pauses on either side, both read who did, and the terminal is as it was afterwards', async ({
  open,
  folder,
}) => {
  const [sender, receiver] = [await open(), await open()];
  await offer(sender, receiver, await makeFilm(folder), join(folder, 'got'));
  await receiver.enter('');
  await receiver.waitFor(/% {2}/);
  await receiver.press('p');
  await receiver.waitFor(/^Paused\. Press p to go on\.$/m);
  await sender.waitFor(/^Paused by the other side\.$/m);
  await sender.press('p');
  await receiver.waitFor(/^Paused by you and by the other side\. Press p to go on\.$/m);
  await receiver.press('p');
  await sender.press('p');
  await receiver.waitFor(/^Going on\.$/m);
  await receiver.press('C-c');
  expect(await receiver.status()).toBe(130);
  expect(await receiver.screen()).toMatch(/What has arrived is kept\. Go on with: sallyport receive -o /);
  await sender.waitFor(/^New code: /m);
  await sender.press('C-c');
  expect(await sender.status()).toBe(130);
  expect(await sender.screen()).toMatch(/^What has arrived is kept\. Go on with: sallyport send --resume$/m);
  for (const terminal of [sender, receiver]) {
    await terminal.enter('stty -a | tr " " "\\n" | grep -x icanon');
    await terminal.waitFor(/^icanon$/m);
  }
});
