import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { digestContents, makeTree, unpack } from './harness/files.ts';
import { expect, test } from './harness/fixtures.ts';
import { enterCode, gatherProblems, saveAll, share, waitForOffer, waitForState } from './harness/pages.ts';
import { startServer } from './harness/server.ts';

const MIB = 1024 * 1024;

/** Waits until everything has arrived, and keeps what the page hands over. */
async function keepDownload(page: Page, path: string): Promise<void> {
  const begun = page.waitForEvent('download');
  await waitForState(page, 'done');
  await (await begun).saveAs(path);
}

test('files that are dropped are shared, folders with their tree', async ({ page, friend }) => {
  await page.goto('/');
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['one'], 'one.txt'));
    data.items.add(new File(['two'], 'two.txt'));
    return data;
  });
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
  const url = await page.getByTestId('share-link').textContent();
  await friend.goto(url ?? '');
  await expect(await waitForOffer(friend)).toContainText('two.txt');
});

test('files that are pasted are shared', async ({ page }) => {
  await page.goto('/');
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(['pasted'], 'clip.png', { type: 'image/png' }));
    document.body.dispatchEvent(
      new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
    );
  });
  await expect(page.getByTestId('share-link')).toContainText('#');
});

test('wrong words are refused on both sides with a sentence, and the code goes on', async ({
  page,
  friend,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  const { code } = await share(page, [join(source, 'a.txt')]);
  const [slot] = code.split('-');
  await friend.goto('/');
  await enterCode(friend, `${slot}-abandon-abandon-abandon`);
  await waitForState(friend, 'failed');
  await expect(friend.getByRole('alert')).toHaveAttribute('data-error', 'wrong-code');
  await expect(page.getByTestId('share-code')).toHaveText(code);
  await friend.goto('/');
  await enterCode(friend, code);
  await waitForOffer(friend);
});

test('three wrong guesses burn a code: the page says why and shows another', async ({
  page,
  cli,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  const { code } = await share(page, [join(source, 'a.txt')]);
  const [slot] = code.split('-');
  for (let guess = 1; guess <= 3; guess += 1) {
    const receiver = cli(['receive', `${slot}-zoo-zoo-zoo`, '-o', folder]);
    expect((await receiver.exit).status).toBe(1);
    expect(receiver.events.at(-1)).toMatchObject({ event: 'error', code: 'wrong-code' });
  }
  await expect(page.getByTestId('share-code')).not.toHaveText(code);
  await expect(page.getByTestId('share-code')).toHaveText(/^\d+(-[a-z]+){3}$/);
  const late = cli(['receive', code, '-o', folder]);
  await late.exit;
  expect(late.events.at(-1)).toMatchObject({ event: 'error', code: 'code-used' });
});

test('a mistyped word is found before anything is asked of the server', async ({ page }) => {
  await page.goto('/');
  await enterCode(page, '4821-aple-river-stone');
  await expect(page.getByText(/apple/).last()).toBeVisible();
});

test('a link whose sender is not there waits, says so, and goes on when the sender comes back', async ({
  page,
  friend,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'a.txt')]);
  await page.goto('about:blank');
  await friend.goto(url);
  await waitForState(friend, 'waiting');
  await expect(friend.getByText('The sender is not there yet')).toBeVisible();
});

test('a sender who leaves in mid-transfer is noticed, and nothing half is saved', async ({
  page,
  friend,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'large.bin': 200 * 1024 * 1024 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'large.bin')]);
  await friend.goto(url);
  await waitForOffer(friend);
  let downloads = 0;
  friend.on('download', () => {
    downloads += 1;
  });
  await friend.getByTestId('save-all').click();
  await waitForState(friend, 'transferring');
  await page.close();
  // It may be back, at the same link: the friend's page waits, and keeps what it has.
  await waitForState(friend, 'reconnecting');
  expect(downloads).toBe(0);
});

test('a friend who declines takes nothing, and the sender is told', async ({ page, friend, folder }) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'a.txt')]);
  await friend.goto(url);
  await (await waitForOffer(friend)).getByRole('button', { name: 'No, thanks' }).click();
  await waitForState(page, 'failed');
  await expect(page.getByRole('listitem').getByText('took nothing')).toBeVisible();
});

test('the server may go and come back: the share is found again at the same link', async ({
  browser,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  const first = await startServer();
  const { port } = new URL(first.url);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(first.url);
    const { url } = await share(page, [join(source, 'a.txt')]);
    await first.stop();
    await using second = await startServer(['--port', port]);
    const friend = await (await browser.newContext()).newPage();
    await friend.goto(url.replace(first.url, second.url));
    await waitForOffer(friend);
    await friend.context().close();
  } finally {
    await context.close();
    await first.stop();
  }
});

test('a chat app that opens a link uses nothing up', async ({ page, friend, request, folder }) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'a.txt')]);
  for (let preview = 0; preview < 5; preview += 1) expect((await request.get(url)).status()).toBe(200);
  const bot = await page.context().browser()?.newContext();
  const botPage = await bot?.newPage();
  await botPage?.goto(url);
  if (botPage) await waitForOffer(botPage);
  await bot?.close();
  await friend.goto(url);
  await waitForOffer(friend);
  await mkdir(join(folder, 'got'));
  await saveAll(friend, join(folder, 'got'));
  expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
});

test('at an insecure origin the page says so, with the cure, and offers nothing else', async ({ server }) => {
  // A name that resolves to this machine is another machine to a browser: plain http to it is not secure.
  const rules = '--host-resolver-rules=MAP elsewhere.test 127.0.0.1';
  const { launchOptions } = test.info().project.use;
  const browser = await chromium.launch({ ...launchOptions, args: [...(launchOptions?.args ?? []), rules] });
  try {
    const page = await browser.newPage();
    await page.goto(server.url.replace('127.0.0.1', 'elsewhere.test'));
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    await expect(page.getByText('https')).toBeVisible();
    await expect(page.locator('input, button, a[href]')).toHaveCount(0);
  } finally {
    await browser.close();
  }
});

test('behind a self-signed certificate, where no service worker runs, a delivery arrives', async ({
  browser,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'film.bin': 2 * 1024 * 1024 + 3 });
  await using server = await startServer(['--tls', 'auto']);
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  try {
    const [page, friend] = [await context.newPage(), await context.newPage()];
    const problems = gatherProblems(friend);
    await page.goto(server.url);
    const { url } = await share(page, [join(source, 'film.bin')]);
    expect(url).toMatch(/^https:/);
    await friend.goto(url);
    await waitForOffer(friend);
    await mkdir(join(folder, 'got'));
    await saveAll(friend, join(folder, 'got'));
    expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
    expect(problems).toEqual([]);
  } finally {
    await context.close();
  }
});

test('a sender who leaves while the friend still chooses is noticed', async ({ page, friend, folder }) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'a.txt')]);
  await friend.goto(url);
  await waitForOffer(friend);
  await page.close();
  await waitForState(friend, 'reconnecting');
});

test('a file in hundreds of nested folders is offered as any other', async ({ page, friend, folder }) => {
  const source = await makeTree(join(folder, 'from'), { [`${'d/'.repeat(600)}deep.txt`]: 10 });
  const problems = gatherProblems(friend);
  await page.goto('/');
  const { url } = await share(page, [source]);
  await friend.goto(url);
  await expect(await waitForOffer(friend)).toContainText('deep.txt');
  expect(problems).toEqual([]);
});

test('declining is no failure to whoever declines', async ({ page, friend, folder }) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'a.txt')]);
  await friend.goto(url);
  const offer = await waitForOffer(friend);
  const failures = await friend.evaluateHandle(() => {
    const seen: string[] = [];
    new MutationObserver(() => {
      for (const { dataset } of document.querySelectorAll<HTMLElement>('[data-error]'))
        seen.push(dataset['error'] ?? '');
    }).observe(document.body, { subtree: true, childList: true });
    return seen;
  });
  await offer.getByRole('button', { name: 'No, thanks' }).click();
  await waitForState(page, 'failed');
  await expect(friend.getByTestId('code-input')).toBeVisible();
  expect(await failures.jsonValue()).toEqual([]);
});

test('of text that carries a picture of itself the text is taken', async ({ page }) => {
  await page.goto('/');
  const paste = (selector: string, text: string) =>
    page.locator(selector).evaluate((target, pasted) => {
      const data = new DataTransfer();
      data.setData('text/plain', pasted);
      data.items.add(new File(['picture'], 'image.png', { type: 'image/png' }));
      target.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      );
    }, text);
  await paste('#target', 'no code at all');
  await paste('body', '4821-apple-river-stone');
  await expect(page.getByTestId('code-input')).toHaveValue('4821-apple-river-stone');
  await expect(page.getByTestId('code-input')).toBeFocused();
});

test('a link opened over a running share is set aside with a sentence, over a failed one it opens', async ({
  page,
  friend,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'a.txt')]);
  await friend.goto('/');
  const own = await share(friend, [join(source, 'a.txt')]);
  const { hash } = new URL(url);
  await friend.evaluate((opened) => location.assign(opened), hash);
  await expect(friend.getByText('in another tab')).toBeVisible();
  await expect(friend.getByTestId('share-link')).toHaveText(own.url);
  await friend.getByTestId('stop-sharing').click();
  await friend.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(['x'], 'a\u0001b'));
    document.body.dispatchEvent(
      new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }),
    );
  });
  await waitForState(friend, 'failed');
  await friend.evaluate((opened) => location.assign(opened), hash);
  await waitForOffer(friend);
});

test('the focus goes to the heading where what had it is gone', async ({ page, friend, folder }) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'a.txt')]);
  await friend.goto(url);
  await waitForOffer(friend);
  await friend.getByTestId('save-all').focus();
  await friend.keyboard.press('Enter');
  await waitForState(friend, 'done');
  await expect(friend.getByRole('heading', { level: 1 })).toBeFocused();
});

test('a receiver’s page that is reloaded in mid-transfer goes on by itself, and little is sent twice', async ({
  cli,
  friend,
  folder,
}) => {
  const sizeBytes = 200 * MIB;
  const source = await makeTree(join(folder, 'from'), { 'large.bin': sizeBytes });
  const sender = cli(['send', join(source, 'large.bin')]);
  await friend.goto((await sender.waitFor('link')).url);
  await waitForOffer(friend);
  await friend.getByTestId('save-all').click();
  await sender.waitFor('progress', { matches: ({ bytes }) => bytes >= 80 * MIB });
  await friend.reload();
  await expect(friend.getByTestId('going-on')).toContainText('of 210 MB were here');
  await keepDownload(friend, join(folder, 'got', 'large.bin'));
  expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
  const sent = new Map<string | undefined, number>();
  for (const event of sender.events)
    if (event.event === 'progress' || event.event === 'done') sent.set(event.receiver, event.wireBytes);
  // To the sender it is one delivery, with nothing left to be gone on with.
  expect(sent.size).toBe(1);
  expect((await sender.exit).status).toBe(0);
  expect(sender.events.map(({ event }) => event)).not.toContain('resumable');
  const wireBytes = [...sent.values()].reduce((sum, bytes) => sum + bytes, 0);
  expect(wireBytes).toBeLessThan(sizeBytes + 2 * 16 * MIB);
});

test('a receiver who stops finds it kept, goes on, and can have it forgotten', async ({
  page,
  friend,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'large.bin': 200 * MIB });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'large.bin')]);
  await friend.goto(url);
  await waitForOffer(friend);
  await friend.getByTestId('save-all').click();
  await expect(friend.getByText(/\d MB of 210 MB/)).toBeVisible();
  await friend.getByTestId('cancel').click();
  await waitForState(friend, 'failed');
  await expect(friend.getByTestId('held')).toContainText('are here');
  await friend.getByTestId('retry').click();
  await expect(friend.getByTestId('going-on')).toBeVisible();
  await expect(page.getByTestId('receiver')).toHaveCount(1);
  await expect(page.getByTestId('receiver')).toHaveAttribute('data-state', 'transferring');
  await friend.getByTestId('cancel').click();
  await friend.getByTestId('forget').click();
  await friend.goto(url);
  await waitForOffer(friend);
  await expect(friend.getByTestId('held')).toHaveCount(0);
});

test('a sender’s page that is reloaded goes on at the same link once it has its files again', async ({
  page,
  friend,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'large.bin': 200 * MIB, 'note.txt': 10 });
  const paths = [join(source, 'large.bin'), join(source, 'note.txt')];
  await page.goto('/');
  const { url } = await share(page, paths);
  await friend.goto(url);
  await waitForOffer(friend);
  await friend.getByTestId('save-all').click();
  await expect(friend.getByText(/\d MB of 210 MB/)).toBeVisible();
  await page.reload();
  await expect(page.getByTestId('kept-share')).toContainText('and 1 more item');
  await expect(friend.getByTestId('transfer-state')).toHaveAttribute('data-state', 'reconnecting');
  expect((await share(page, paths)).url).toBe(url);
  await keepDownload(friend, join(folder, 'got.zip'));
  await unpack(join(folder, 'got.zip'), join(folder, 'got'));
  expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
});

test('a share that was stopped is not offered again, nor is one that is open in another tab', async ({
  page,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'a.txt': 10 });
  await page.goto('/');
  await share(page, [join(source, 'a.txt')]);
  const other = await page.context().newPage();
  await other.goto('/');
  await expect(other.getByTestId('code-input')).toBeVisible();
  await expect(other.getByTestId('kept-share')).toHaveCount(0);
  await page.getByTestId('stop-sharing').click();
  await page.reload();
  await expect(page.getByTestId('code-input')).toBeVisible();
  await expect(page.getByTestId('kept-share')).toHaveCount(0);
});

test('either side holds the transfer up and lets it go on, and the other is told', async ({
  page,
  friend,
  folder,
}) => {
  const source = await makeTree(join(folder, 'from'), { 'large.bin': 100 * MIB });
  await page.goto('/');
  const { url } = await share(page, [join(source, 'large.bin')]);
  await friend.goto(url);
  await waitForOffer(friend);
  await friend.getByTestId('save-all').click();
  await waitForState(friend, 'transferring');
  const [sending, receiving] = [page.getByTestId('transfer-state'), friend.getByTestId('transfer-state')];
  await friend.getByTestId('pause').click();
  await expect(receiving).toHaveAttribute('data-paused', 'here');
  await expect(sending).toHaveAttribute('data-paused', 'there');
  await page.getByTestId('pause').click();
  await expect(receiving).toHaveText('Paused by you and by the sender');
  await friend.getByTestId('pause').click();
  await expect(receiving).toHaveAttribute('data-paused', 'there');
  await expect(sending).toHaveText('Paused by you');
  await page.getByTestId('pause').click();
  await expect(receiving).toHaveAttribute('data-paused', 'nobody');
  await keepDownload(friend, join(folder, 'got', 'large.bin'));
  expect(await digestContents(join(folder, 'got'))).toEqual(await digestContents(source));
});

test('one file is cancelled while it runs, and the others arrive', async ({ page, friend, folder }) => {
  const tree = { 'a-large.bin': 150 * MIB, 'b.txt': 10, 'c.bin': 2 * MIB };
  const source = await makeTree(join(folder, 'from'), tree);
  await page.goto('/');
  const { url } = await share(
    page,
    Object.keys(tree).map((name) => join(source, name)),
  );
  await friend.goto(url);
  await waitForOffer(friend);
  await friend.getByTestId('save-all').click();
  await friend.getByTestId('taken').locator('summary').click();
  const download = friend.waitForEvent('download');
  await friend.getByRole('button', { name: 'Cancel a-large.bin' }).click();
  await (await download).saveAs(join(folder, 'got.zip'));
  await expect(friend.getByText('1 file could not be had')).toBeVisible();
  await unpack(join(folder, 'got.zip'), join(folder, 'got'));
  const { 'a-large.bin': _cancelled, ...others } = await digestContents(source);
  expect(await digestContents(join(folder, 'got'))).toEqual(others);
});

test('where the browser keeps hold of the files, a reloaded sender goes on with one click', async ({
  page,
  friend,
}) => {
  // Playwright has no such picker: a file of the page's own file system stands for what a person would pick.
  await page.addInitScript(() => {
    const showOpenFilePicker = async (): Promise<FileSystemFileHandle[]> => {
      const file = await (await navigator.storage.getDirectory()).getFileHandle('film.txt', { create: true });
      const writable = await file.createWritable();
      await writable.write('a film');
      await writable.close();
      return [file];
    };
    Object.assign(globalThis, { showOpenFilePicker });
  });
  await page.goto('/');
  await page.getByText('Choose files').click();
  const link = page.getByTestId('share-link');
  const url = await link.textContent();
  await expect(page.getByTestId('share-code')).toBeVisible();
  await page.reload();
  await page.getByTestId('go-on-sharing').click();
  await expect(link).toHaveText(url ?? '');
  await expect(page.getByTestId('differences')).toHaveCount(0);
  await friend.goto(url ?? '');
  await expect(await waitForOffer(friend)).toContainText('film.txt');
});

test('the sender holds one file up and gives another up, and stops one receiver: each is told, the rest arrives', async ({
  page,
  friend,
  folder,
}) => {
  const tree = { 'a-dropped.bin': 150 * MIB, 'b-held.bin': 20 * MIB, 'c.bin': 2 * MIB };
  const source = await makeTree(join(folder, 'from'), tree);
  await page.goto('/');
  const { url } = await share(
    page,
    Object.keys(tree).map((name) => join(source, name)),
  );
  const line = (ordinal: number) =>
    page.getByTestId('receiver').filter({ has: page.getByText(`Receiver ${ordinal}`, { exact: true }) });
  await friend.goto(url);
  await waitForOffer(friend);
  const other = await friend.context().newPage();
  await other.goto(url);
  await waitForOffer(other);
  await line(2).getByTestId('stop-receiver').click();
  await expect(line(2).getByText('was stopped by you')).toBeVisible();
  await waitForState(other, 'failed');
  await expect(other.getByRole('alert')).toHaveText('The other side cancelled the transfer.');
  await other.close();

  // Held up before it begins, so that every file is still under way when it is asked about.
  await friend.getByTestId('save-all').click();
  await friend.getByTestId('pause').click();
  await expect(page.getByTestId('transfer-state')).toHaveAttribute('data-paused', 'there');
  await line(1).getByTestId('sent-files').locator('summary').click();
  await page.getByRole('button', { name: 'Pause: b-held.bin for receiver 1' }).click();
  await page.getByRole('button', { name: 'Cancel a-dropped.bin for receiver 1' }).click();
  await expect(line(1).getByText('1 file could not be had')).toBeVisible();
  const taken = friend.getByTestId('taken');
  await expect(taken.locator('summary')).toHaveText('3 files, 1 on hold');
  await taken.locator('summary').click();
  await friend.getByTestId('pause').click();
  const row = (name: string) =>
    taken.getByRole('listitem').filter({ hasText: name }).getByTestId('file-action');
  await expect(row('b-held.bin')).toContainText('paused by the sender');
  await expect(row('a-dropped.bin')).toHaveText('given up');
  await expect(row('c.bin')).toHaveText('here');
  await friend.getByRole('button', { name: 'Pause: b-held.bin' }).click();
  await expect(row('b-held.bin')).toContainText('paused by both sides');
  await page.getByRole('button', { name: 'Go on: b-held.bin for receiver 1' }).click();
  await expect(row('b-held.bin')).toHaveAttribute('data-paused', 'here');
  const download = friend.waitForEvent('download');
  await friend.getByRole('button', { name: 'Go on: b-held.bin' }).click();
  await (await download).saveAs(join(folder, 'got.zip'));
  await expect(line(1).getByText('did not get everything')).toBeVisible();
  await unpack(join(folder, 'got.zip'), join(folder, 'got'));
  const { 'a-dropped.bin': _dropped, ...others } = await digestContents(source);
  expect(await digestContents(join(folder, 'got'))).toEqual(others);
});
