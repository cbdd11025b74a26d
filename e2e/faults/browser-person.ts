import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BrowserContext, type Download, expect, type Page } from '@playwright/test';
import { EVENT_TIMEOUT_MS } from '../harness/limits.ts';
import { share, waitForOffer } from '../harness/pages.ts';
import { type CountingPage, countFigures } from './page-figures.ts';
import type { Figures, Person, Place, Receiver, Sender } from './person.ts';

/** Between looks at a page's figures, which it shows anew at most ten times a second. */
const LOOK_INTERVAL_MS = 50;

/** For a page that may hang to say what it shows. */
const ACCOUNT_TIMEOUT_MS = 2_000;

/** Somebody with a browser that keeps what pages store. */
abstract class BrowserPerson implements Person {
  protected readonly place: Place;
  #context: BrowserContext | undefined;
  #page: Page | undefined;
  readonly #downloads: Download[] = [];
  readonly #complaints: string[] = [];
  #arrived: () => void = () => {};
  readonly #arrival = new Promise<void>((resolve) => {
    this.#arrived = resolve;
  });
  lives = 0;

  constructor(place: Place) {
    this.place = place;
  }

  get page(): Page {
    if (this.#page === undefined) throw new Error('No page is open.');
    return this.#page;
  }

  protected get downloads(): readonly Download[] {
    return this.#downloads;
  }

  /** Resolves at the first download that begins. */
  protected get arrival(): Promise<void> {
    return this.#arrival;
  }

  /** Opens a page, in a browser that is started where none runs. */
  protected async open(url: string): Promise<void> {
    this.lives += 1;
    if (this.#context === undefined) {
      const profile = join(this.place.folder, 'profile');
      await mkdir(profile, { recursive: true });
      this.#context = await this.place.peers.browser(this.place.host, profile);
      await this.#context.addInitScript(countFigures);
    }
    this.#page = await this.#context.newPage();
    this.#page.on('console', (message) => {
      if (message.type() === 'error') this.#complaints.push(message.text());
    });
    this.#page.on('download', (download) => {
      this.#downloads.push(download);
      this.#arrived();
    });
    await this.#page.goto(url);
  }

  async figures(): Promise<Figures> {
    const { parts, wireBytes } = await this.page.evaluate(() => (globalThis as CountingPage).figures());
    return { bytes: (parts * this.place.fileBytes) / 100, wireBytes };
  }

  async until(figure: keyof Figures, atLeast: number, timeoutMs: number): Promise<void> {
    const wanted =
      figure === 'bytes'
        ? ({ figure: 'parts', atLeast: (atLeast * 100) / this.place.fileBytes } as const)
        : ({ figure: 'wireBytes', atLeast } as const);
    await this.page.waitForFunction(
      ({ figure, atLeast }) => (globalThis as CountingPage).figures()[figure] >= atLeast,
      wanted,
      { polling: LOOK_INTERVAL_MS, timeout: timeoutMs },
    );
  }

  async account(): Promise<string> {
    if (this.#page === undefined || this.#page.isClosed()) return 'no page is open';
    const text = await this.page.locator('body').innerText({ timeout: ACCOUNT_TIMEOUT_MS }).catch(String);
    const figures = await this.figures().catch(String);
    return `${this.page.url()} ${JSON.stringify(figures)}\n${text}\n${this.#complaints.join('\n')}`;
  }

  /** The whole browser, all of its processes at once. */
  async crash(): Promise<void> {
    const context = this.#context;
    const closed = new Promise<void>((resolve) => context?.once('close', () => resolve()));
    await this.#signal('SIGKILL');
    await closed;
    this.#context = undefined;
  }

  async leave(): Promise<void> {
    await this.page.close({ runBeforeUnload: false });
  }

  /** Closes the tab and opens another page in the same browser. */
  async leaveTo(url: string): Promise<void> {
    await this.leave();
    await this.open(url);
  }

  async reload(): Promise<void> {
    this.lives += 1;
    await this.page.reload();
  }

  /** Its process alone. */
  async crashTab(): Promise<void> {
    const crashed = new Promise<void>((resolve) => this.page.once('crash', () => resolve()));
    // It never answers.
    this.page.goto('chrome://crash').catch(() => {});
    await crashed;
    await this.page.close();
  }

  async seesEnd(): Promise<boolean> {
    const state = this.page.getByTestId('transfer-state');
    const timeout = EVENT_TIMEOUT_MS;
    await expect(state).toHaveAttribute('data-state', /^(failed|reconnecting)$/, { timeout });
    return (await state.getAttribute('data-state')) === 'failed';
  }

  abstract comeBack(): Promise<void>;

  freeze(): Promise<void> {
    return this.#signal('SIGSTOP');
  }

  thaw(): Promise<void> {
    return this.#signal('SIGCONT');
  }

  async togglePause(): Promise<void> {
    await this.page.getByTestId('pause').click();
  }

  async seesPause(isPaused: boolean): Promise<void> {
    const shown = isPaused ? 'there' : 'nobody';
    await expect(this.page.getByTestId('transfer-state')).toHaveAttribute('data-paused', shown);
  }

  /** Nothing but the browser runs on this person's machine. */
  async #signal(signal: NodeJS.Signals): Promise<void> {
    const { enter, name } = this.place.peers.lab.host(this.place.host);
    const [command = '', ...args] = [...enter, 'ip', 'netns', 'pids', name];
    const { stdout } = await promisify(execFile)(command, args);
    for (const pid of stdout.split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), signal);
      } catch {} // It has ended, such as the one that listed them.
    }
  }
}

export class BrowserSender extends BrowserPerson implements Sender {
  readonly #path: string;
  #link = '';

  constructor(place: Place, path: string) {
    super(place);
    this.#path = path;
  }

  async share(): Promise<string> {
    await this.open('/');
    return this.#choose();
  }

  /** After a reload as well: the page stands where it stood, and asks for the files. */
  async comeBack(): Promise<void> {
    const before = this.#link;
    if (this.page.isClosed()) await this.open('/');
    if ((await this.#choose()) !== before)
      throw new Error(`The link was ${before} and is ${this.#link} now.`);
  }

  async finish(timeoutMs: number): Promise<void> {
    await this.page
      .locator('[data-testid=transfer-state][data-state=done]')
      .waitFor({ state: 'attached', timeout: timeoutMs });
  }

  async #choose(): Promise<string> {
    this.#link = (await share(this.page, [this.#path])).url;
    return this.#link;
  }
}

export class BrowserReceiver extends BrowserPerson implements Receiver {
  #link = '';

  async take(link: string): Promise<void> {
    this.#link = link;
    await this.open(link);
    await waitForOffer(this.page);
    await this.page.getByTestId('save-all').click();
  }

  /** Nobody is asked: a page that was opened again goes on by itself, and one that was told of an end by a click. */
  async comeBack(): Promise<void> {
    if (this.page.isClosed()) return this.open(this.#link);
    await this.page.getByTestId('retry').click();
  }

  async seesChange(name: string): Promise<void> {
    await expect(this.page.getByTestId('changed')).toContainText(name);
  }

  async hasFinalName(): Promise<boolean> {
    return this.downloads.length > 0;
  }

  async finish(timeoutMs: number): Promise<string> {
    const done = this.page.locator('[data-testid=transfer-state][data-state=done]');
    await done.waitFor({ state: 'attached', timeout: timeoutMs });
    await this.arrival;
    const [download] = this.downloads;
    if (download === undefined || this.downloads.length > 1)
      throw new Error(`There were ${this.downloads.length} downloads.`);
    const path = join(this.place.folder, 'downloads', download.suggestedFilename());
    await download.saveAs(path);
    return path;
  }
}
