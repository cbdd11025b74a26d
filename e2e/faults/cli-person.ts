import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CliEvents, Program } from '../harness/program.ts';
import type { Figures, Person, Place, Receiver, Sender } from './person.ts';

type Args = readonly [command: 'send' | 'receive', ...rest: string[]];

/** The last events tell what a program is at. */
const ACCOUNT_EVENTS = 8;

/** Somebody with a terminal. */
abstract class CliPerson implements Person {
  protected readonly place: Place;
  #program: Program | undefined;
  lives = 0;

  constructor(place: Place) {
    this.place = place;
  }

  protected get program(): Program {
    if (this.#program === undefined) throw new Error('Nothing was started yet.');
    return this.#program;
  }

  get pid(): number {
    return this.program.pid;
  }

  protected start(args: Args): void {
    this.lives += 1;
    this.#program = this.place.peers.cli(this.place.host, args, { terminal: this.place.hasKeys });
  }

  async figures(): Promise<Figures> {
    return figuresOf(this.program);
  }

  async until(figure: keyof Figures, atLeast: number, timeoutMs: number): Promise<void> {
    const matches = (): boolean => figuresOf(this.program)[figure] >= atLeast;
    await this.program.waitFor('progress', { matches, timeoutMs });
  }

  async togglePause(): Promise<void> {
    this.program.type('p');
  }

  async seesPause(isPaused: boolean): Promise<void> {
    await this.program.waitFor('paused', { matches: ({ there }) => there === isPaused });
  }

  async account(): Promise<string> {
    const last = this.program.events.slice(-ACCOUNT_EVENTS).map((event) => JSON.stringify(event));
    return `${last.join('\n')}\n${this.program.stderr()}`;
  }

  async crash(): Promise<void> {
    await this.program.stop('SIGKILL');
  }

  async leave(): Promise<void> {
    await this.program.stop('SIGINT');
  }

  async seesEnd(): Promise<boolean> {
    const isTold = await Promise.any([
      this.program.waitFor('resumable').then(() => true),
      this.program.waitFor('reconnecting', { matches: (event) => this.#isNow(event) }).then(() => false),
    ]);
    if (isTold) await this.program.exit;
    return isTold;
  }

  /** Whether it is still so: an earlier fault may have said it too. */
  #isNow(event: object): boolean {
    return event === this.program.events.findLast(({ event }) => /^reconnect(ing|ed)$/.test(event));
  }

  abstract comeBack(): Promise<void>;

  async freeze(): Promise<void> {
    process.kill(this.program.pid, 'SIGSTOP');
  }

  async thaw(): Promise<void> {
    process.kill(this.program.pid, 'SIGCONT');
  }

  protected async whenDone(timeoutMs: number): Promise<void> {
    await this.program.waitFor('done', { timeoutMs });
    const { status } = await this.program.exit;
    if (status !== 0) throw new Error(`It said done and ended with ${status}.`);
  }
}

export class CliSender extends CliPerson implements Sender {
  readonly #path: string;
  #link = '';

  constructor(place: Place, path: string) {
    super(place);
    this.#path = path;
  }

  async share(): Promise<string> {
    this.start(['send', this.#path]);
    this.#link = (await this.program.waitFor('link')).url;
    return this.#link;
  }

  async comeBack(): Promise<void> {
    const before = this.#link;
    if ((await this.share()) !== before) throw new Error(`The link was ${before} and is ${this.#link} now.`);
  }

  finish(timeoutMs: number): Promise<void> {
    return this.whenDone(timeoutMs);
  }
}

export class CliReceiver extends CliPerson implements Receiver {
  readonly #name: string;
  #link = '';

  constructor(place: Place, name: string) {
    super(place);
    this.#name = name;
  }

  /** Where it is saved. */
  get folder(): string {
    return this.place.folder;
  }

  async take(link: string): Promise<void> {
    this.#link = link;
    this.start(['receive', link, '-o', this.folder]);
  }

  async comeBack(): Promise<void> {
    await this.take(this.#link);
    await this.program.waitFor('offer');
  }

  async seesChange(name: string): Promise<void> {
    await this.program.waitFor('changed', { matches: ({ path }) => path === name });
  }

  async hasFinalName(): Promise<boolean> {
    return existsSync(join(this.folder, this.#name));
  }

  async finish(timeoutMs: number): Promise<string> {
    await this.whenDone(timeoutMs);
    return join(this.folder, this.#name);
  }
}

/** A sender's are summed over its receivers, and over the runs of one that ended and came back: each counts from nothing. */
function figuresOf({ events }: Program): Figures {
  const last = new Map<string, CliEvents['progress']>();
  let earlierBytes = 0;
  for (const event of events) {
    if (event.event !== 'progress') continue;
    const before = last.get(event.receiver ?? '')?.wireBytes ?? 0;
    if (event.wireBytes < before) earlierBytes += before;
    last.set(event.receiver ?? '', event);
  }
  const all = [...last.values()];
  return {
    bytes: Math.max(0, ...all.map(({ bytes }) => bytes)),
    wireBytes: all.reduce((sum, { wireBytes }) => sum + wireBytes, earlierBytes),
  };
}
