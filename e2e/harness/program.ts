import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { EVENT_TIMEOUT_MS, STOP_GRACE_MS } from './limits.ts';

const projectFolder = join(import.meta.dirname, '..', '..');

export type Route = 'lan' | 'direct' | 'relayed';

/** What the CLI prints with --json, by the name in `event`. @see docs/cli.md */
export interface CliEvents {
  listening: { url: string; stun: string; fingerprint?: string };
  skipped: { path: string; reason: string };
  link: { url: string; code: string };
  code: { code: string | null; reason: 'opened' | 'used' | 'burnt' | 'expired' };
  server: { connected: boolean };
  resumed: { paths: string[]; others: number };
  waiting: object;
  offer: { files: number; totalBytes: number };
  session: { route: Route; rttMs: number | null; receiver?: string };
  continuing: { bytes: number; totalBytes: number; what: string };
  reconnecting: { bytes: number; totalBytes: number; receiver?: string };
  reconnected: { bytes: number; totalBytes: number; receiver?: string };
  paused: { here: boolean; there: boolean; receiver?: string };
  changed: { path: string; receiver?: string };
  progress: { bytes: number; totalBytes: number; wireBytes: number; receiver?: string };
  failed: { path: string; code: string; message: string; receiver?: string };
  renamed: { path: string; savedAs: string };
  done: {
    bytes: number;
    wireBytes: number;
    files: number;
    seconds: number;
    route: Route;
    lanes: number;
    folder?: string;
    receiver?: string;
  };
  stopped: { receiver: string };
  resumable: { command: string };
  error: { code: string; message: string; detail?: string; receiver?: string };
}

export type CliEvent = { [Name in keyof CliEvents]: { event: Name } & CliEvents[Name] }[keyof CliEvents];

export interface ProgramOptions {
  readonly cwd?: string;
  /** The words before the command that let it run elsewhere, such as on a host of natlab's. */
  readonly enter?: readonly string[];
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its standard input, which then ends; without it there is no standard input. */
  readonly input?: string;
  /** Whether it runs in a terminal, for keys that are pressed; its standard error is then mixed into its output. */
  readonly terminal?: boolean;
}

export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The built CLI as a child process. Whoever starts it disposes of it. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** All events so far, in order. */
  readonly events: readonly CliEvent[];
  /** Lines on standard output that are no JSON object: with --json there must be none. */
  readonly strayLines: readonly string[];
  /** Settles when it has ended and all of its output has been read. */
  readonly exit: Promise<Exit>;
  stderr(): string;
  /** Presses keys in its terminal. */
  type(keys: string): void;
  /**
   * The first event of that name that matches, past or to come.
   * @throws when the program ends before, or the time does; the message holds what the program said
   */
  waitFor<Name extends keyof CliEvents>(
    name: Name,
    options?: { matches?: (event: CliEvents[Name]) => boolean; timeoutMs?: number },
  ): Promise<CliEvents[Name]>;
  /** Ends it by a signal, by force after a grace, and waits until it is gone. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

const alive = new Set<() => void>();
process.once('exit', () => {
  for (const kill of alive) kill();
});

/** The words before a command, of which none may hold a space, that give it a terminal as wide as lines of JSON are long. */
const IN_TERMINAL = ['sh', '-c', 'exec script --quiet --return --flush --command "$*" /dev/null', 'sh'];

/** Starts `node dist/cli/main.js ARGS`. */
export function startProgram(args: readonly string[], options: ProgramOptions = {}): Program {
  const words = [process.execPath, join(projectFolder, 'dist', 'cli', 'main.js'), ...args];
  const [command = '', ...rest] = [
    ...(options.enter ?? []),
    ...(options.terminal ? IN_TERMINAL : []),
    ...words,
  ];
  const child = spawn(command, rest, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [options.input === undefined && !options.terminal ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  alive.add(kill);

  const events: CliEvent[] = [];
  const strayLines: string[] = [];
  const changes = new EventEmitter();
  let stderr = '';
  let exited: Exit | undefined;

  child.stdin?.on('error', () => {}); // It may have ended without reading its input.
  if (!options.terminal) child.stdin?.end(options.input);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = parseEvent(line);
      if (event) events.push(event);
      else strayLines.push(line);
      changes.emit('change');
    });
  }
  const exit = new Promise<Exit>((resolve) => {
    child.once('close', (status, signal) => {
      alive.delete(kill);
      exited = { status, signal };
      resolve(exited);
      changes.emit('change');
    });
  });

  const account = (): string =>
    [
      `sallyport ${args.join(' ')}`,
      ...strayLines,
      ...events.map((event) => JSON.stringify(event)),
      stderr,
    ].join('\n');

  const waitFor: Program['waitFor'] = async (
    name,
    { matches = () => true, timeoutMs = EVENT_TIMEOUT_MS } = {},
  ) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = events.find((event) => event.event === name && matches(event as never));
      if (found) return found as never;
      if (exited) {
        throw new Error(`It ended with ${exited.signal ?? exited.status} before "${name}":\n${account()}`);
      }
      await once(changes, 'change', { signal: deadline }).catch(() => {
        throw new Error(`No "${name}" within ${timeoutMs} ms:\n${account()}`);
      });
    }
  };

  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> => {
    if (!exited) child.kill(signal);
    const killing = setTimeout(kill, STOP_GRACE_MS);
    try {
      return await exit;
    } finally {
      clearTimeout(killing);
    }
  };

  return {
    pid: child.pid ?? 0,
    events,
    strayLines,
    exit,
    stderr: () => stderr,
    type: (keys) => void child.stdin?.write(keys),
    waitFor,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

function parseEvent(line: string): CliEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent = typeof value === 'object' && value !== null && 'event' in value;
    return isEvent ? (value as CliEvent) : undefined;
  } catch {
    return undefined;
  }
}
