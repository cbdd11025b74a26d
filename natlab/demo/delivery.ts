import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright';
import { findChromium } from '../../scripts/find-program.mjs';
import type { Lab } from '../lab.ts';

/** What the two people saw on their screens. */
export interface Report {
  readonly atUs: number;
  readonly what:
    | { readonly kind: 'offered'; readonly by: string; readonly sizeBytes: number }
    | { readonly kind: 'opened'; readonly by: string }
    | { readonly kind: 'connected'; readonly by: string; readonly route: string }
    | { readonly kind: 'saved'; readonly by: string; readonly isIntact: boolean }
    | { readonly kind: 'failed'; readonly by: string; readonly sentence: string };
}

const FILE_BYTES = 16 * 1024 * 1024;
/** The page gives up by itself well before; a slow link takes its time over the file. */
const PATIENCE_MS = 5 * 60_000;

/**
 * One person offers a file on the page, the other opens the link and saves it, each in a Chromium of their own.
 * @param report is told each step as it happens
 */
export async function deliver(
  lab: Lab,
  url: string,
  [sender, receiver]: readonly [string, string],
  report: (report: Report) => void,
): Promise<void> {
  const tell = (what: Report['what']): void => report({ atUs: Date.now() * 1000, what });
  const browsers: Browser[] = [];
  const open = async (host: string): Promise<Page> => {
    const executablePath = await lab.host(host).wrap(findChromium() ?? chromium.executablePath());
    const browser = await chromium.launch({
      executablePath,
      // Inside it is root in any case, as which Chromium has no sandbox.
      chromiumSandbox: false,
      args: [
        ...['--disable-gpu', '--disable-quic', '--disable-sync'],
        // Certificates teach nothing about NATs: the page gets its rights without one.
        `--unsafely-treat-insecure-origin-as-secure=${url}`,
      ],
    });
    browsers.push(browser);
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    return page;
  };
  try {
    const [from, to] = await Promise.all([open(sender), open(receiver)]);
    const content = randomBytes(FILE_BYTES);
    const file = join(lab.folder, 'film.bin');
    await writeFile(file, content);
    await from.goto(url);
    await from.getByTestId('file-input').setInputFiles(file);
    const link = await from.getByTestId('share-link').textContent();
    tell({ kind: 'offered', by: sender, sizeBytes: FILE_BYTES });
    tell({ kind: 'opened', by: receiver });
    await to.goto(link ?? '');
    const failed = to.getByTestId('transfer-state').and(to.locator('[data-state=failed]'));
    const route = to.getByTestId('route');
    await route.or(failed).first().waitFor();
    const failure = async (): Promise<Report['what']> => {
      const sentence = await to.locator('[data-error]').first().textContent();
      return { kind: 'failed', by: receiver, sentence: sentence?.trim() ?? '' };
    };
    if (await failed.isVisible()) return tell(await failure());
    tell({ kind: 'connected', by: receiver, route: (await route.getAttribute('data-route')) ?? '' });
    const downloading = to.waitForEvent('download').catch(() => undefined);
    await to.getByTestId('save-all').click();
    const download = await Promise.race([downloading, failed.waitFor().then(() => undefined)]);
    if (download === undefined) return tell(await failure());
    const saved = join(lab.folder, 'saved.bin');
    await download.saveAs(saved);
    tell({ kind: 'saved', by: receiver, isIntact: digest(await readFile(saved)) === digest(content) });
  } finally {
    await Promise.allSettled(browsers.map((browser) => browser.close()));
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
