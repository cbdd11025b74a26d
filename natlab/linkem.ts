import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, constants, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { type Link, linkemSettings, resolveLink } from './link.ts';

const SOURCE = fileURLToPath(new URL('./linkem.c', import.meta.url));
const FLAGS = ['-O2'];
const COMPILE_TIMEOUT_MS = 60_000;
/** It answers within a round (0.1 ms) and ends at once; so long is a machine that stands still. */
const PATIENCE_MS = 10_000;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What linkem.c counts in one direction; its header says what each means. */
const DirectionCounters = v.strictObject({
  frames: Count,
  bytes: Count,
  delivered: Count,
  lost: Count,
  queueDrops: Count,
  reordered: Count,
  oversize: Count,
  unwhole: Count,
  full: Count,
  unsent: Count,
  missed: Count,
});
const Counters = v.pipe(
  v.string(),
  v.parseJson(),
  v.strictObject({ 'a->b': DirectionCounters, 'b->a': DirectionCounters }),
);

export type LinkDirectionCounters = v.InferOutput<typeof DirectionCounters>;

/** Frames since the link began, by direction. */
export interface LinkCounters {
  readonly up: LinkDirectionCounters;
  readonly down: LinkDirectionCounters;
}

export interface LinkemOptions {
  /** A command and arguments that run what follows them in the namespace of both interfaces, as the same process. */
  readonly enter: readonly string[];
  /** The one on the side of the host or LAN, and the one away from it: 'up' is from the first to the second. */
  readonly interfaces: readonly [near: string, far: string];
  readonly link: Link;
}

/** A running link. It ends with the process that started it, however that ends. */
export interface Linkem {
  /**
   * Is another link from now on, for frames that have not passed the bottleneck yet.
   * @throws RangeError for what {@link resolveLink} refuses, and for another seed, which a link has from its start
   */
  change(link: Link): Promise<void>;
  counters(): Promise<LinkCounters>;
  /** Ends the link. Frames under way are lost. Once only; a second call waits for the first. */
  close(): Promise<void>;
}

/**
 * Compiles linkem.c, unless this user has it compiled already. Any number of processes may do so at once.
 * @returns the program's path
 */
export async function buildLinkem(): Promise<string> {
  const source = await readFile(SOURCE);
  const hash = createHash('sha256')
    .update(`${process.arch} ${FLAGS} `)
    .update(source)
    .digest('hex')
    .slice(0, 16);
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sallyport');
  const program = join(folder, `linkem-${hash}`);
  const isBuilt = await access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isBuilt) return program;

  await mkdir(folder, { recursive: true });
  const unfinished = `${program}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    await promisify(execFile)('cc', [...FLAGS, '-o', unfinished, SOURCE], { timeout: COMPILE_TIMEOUT_MS });
    await rename(unfinished, program);
  } catch (error) {
    await rm(unfinished, { force: true });
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Error(
        'An emulated link is compiled on first use and there is no `cc`: install gcc and libc6-dev.',
      );
    }
    throw new Error('linkem.c did not compile.', { cause: error });
  }
  return program;
}

/** Starts a link between two interfaces. @returns when it moves frames */
export async function startLinkem({ enter, interfaces, link }: LinkemOptions): Promise<Linkem> {
  const { up, down, seed } = resolveLink(link);
  const settings = [linkemSettings('a->b', up), linkemSettings('b->a', down)];
  const command = [...enter, await buildLinkem(), ...interfaces, String(seed), ...settings];
  const running = new RunningLinkem(command, seed);
  try {
    await running.ready();
  } catch (error) {
    await running.close();
    throw error;
  }
  return running;
}

class RunningLinkem implements Linkem {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #seed: number;
  readonly #lines: AsyncIterator<string>;
  readonly #gone: Promise<unknown>;
  /** Requests are answered in turn, one line each. */
  #last: Promise<unknown> = Promise.resolve();
  #complaint = '';

  constructor([program = '', ...words]: readonly string[], seed: number) {
    this.#seed = seed;
    // A group of its own: Ctrl-C is for its owner, whose end it notices at the end of its stdin.
    this.#child = spawn(program, words, { stdio: 'pipe', detached: true });
    this.#gone = once(this.#child, 'close').catch((error: Error) => {
      this.#complaint = error.message;
    });
    this.#child.stdin.on('error', () => {}); // It is gone, which the missing answer says.
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint += text;
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    const line = await this.#nextLine();
    if (line !== 'ready') throw new Error(`linkem said "${line}" where it should have said "ready".`);
  }

  async change(link: Link): Promise<void> {
    const { up, down, seed } = resolveLink({ seed: this.#seed, ...link });
    if (seed !== this.#seed) {
      throw new RangeError(`seed is ${seed}: leave it out, as a running link keeps its own (${this.#seed}).`);
    }
    const lines = [linkemSettings('a->b', up), linkemSettings('b->a', down)];
    for (const answer of await Promise.all(lines.map((line) => this.#ask(line)))) {
      if (answer !== 'ok') throw new Error(`linkem refused a change: ${answer}`);
    }
  }

  async counters(): Promise<LinkCounters> {
    const counters = v.parse(Counters, await this.#ask('counters'));
    return { up: counters['a->b'], down: counters['b->a'] };
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    await this.#gone;
    clearTimeout(timer);
  }

  #ask(line: string): Promise<string> {
    const { stdin } = this.#child;
    const isOpen = stdin.writable;
    if (isOpen) stdin.write(`${line}\n`);
    // After its end there is still a last line to read, which answers nobody.
    const answer = this.#last.then(() => (isOpen ? this.#nextLine() : this.#sayGone()));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #nextLine(): Promise<string> {
    const { value, done } = await this.#lines.next();
    return done ? this.#sayGone() : value;
  }

  async #sayGone(): Promise<never> {
    await this.#gone;
    throw new Error(`The link is gone${this.#complaint && `: ${this.#complaint.trim()}`}.`);
  }
}
