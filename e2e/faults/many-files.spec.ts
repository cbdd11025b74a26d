import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '../harness/fixtures.ts';

const FILES = 100_000;
const FOLDERS = 100;
const TIMEOUT_MS = 150_000;

/** Of the receiver, for which 660 MiB were measured: Node's own, and some 6 KiB for each file. */
const MAX_RESIDENT_KIB = 1024 * 1024;

// A minute and a half is too long for every run.
if (process.env['SALLYPORT_FAULTS'] === 'all') {
  test('a hundred thousand files, from terminal to terminal', async ({ folder, cli }) => {
    test.setTimeout(2 * TIMEOUT_MS);
    const source = join(folder, 'from');
    for (let at = 0; at < FOLDERS; at++) {
      await mkdir(join(source, `${at}`), { recursive: true });
      const names = Array.from({ length: FILES / FOLDERS }, (_, number) =>
        join(source, `${at}`, `${number}.txt`),
      );
      await Promise.all(names.map((name) => writeFile(name, name.slice(source.length))));
    }
    const sender = cli(['send', source]);
    const { url } = await sender.waitFor('link');
    const receiver = cli(['receive', url, '-o', join(folder, 'got')]);
    expect(await receiver.waitFor('offer')).toMatchObject({ files: FILES });
    let peakKib = 0;
    const watching = setInterval(async () => {
      const status = await readFile(`/proc/${receiver.pid}/status`, 'utf8').catch(() => '');
      peakKib = Math.max(peakKib, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0));
    }, 500);
    try {
      expect(await receiver.waitFor('done', { timeoutMs: TIMEOUT_MS })).toMatchObject({ files: FILES });
    } finally {
      clearInterval(watching);
    }
    expect((await sender.exit).status).toBe(0);
    expect(peakKib).toBeLessThan(MAX_RESIDENT_KIB);
    for (const name of ['0/0.txt', '57/123.txt', '99/999.txt']) {
      expect(await readFile(join(folder, 'got', 'from', name), 'utf8')).toBe(`/${name}`);
    }
  });
}
