import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { EVENT_TIMEOUT_MS } from './limits.ts';

const run = promisify(execFile);

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

/** How often the screen is looked at while something is waited for. */
const LOOK_INTERVAL_MS = 50;

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** The shell's prompt tells how the last command ended, and whether it left the terminal as it found it. */
const PROMPT = `PS1="[$?$(stty -a | grep -qw -e -icanon -e -echo -e -isig && echo ' raw')]\\$ "`;
const AT_PROMPT = /(?:^|\n|\^C)\[(\d+)( raw)?\]\$$/;

/** A shell in a real terminal, kept by a tmux of its own; `sallyport` is on its PATH. Whoever starts it disposes of it. */
export interface Terminal extends AsyncDisposable {
  /** Types a line, to the shell or to a question, and presses Enter. */
  enter(line: string): Promise<void>;
  /** The exit status of the command that was entered last. @throws when it left the terminal in raw mode */
  status(): Promise<number>;
  /** Presses a key by tmux's name for it: `C-c`, `C-d`, `Enter`. */
  press(key: string): Promise<void>;
  /** What stands on the screen now, lines trimmed at their ends. */
  screen(): Promise<string>;
  /** The screen once it matches. @throws with the screen when the time ends */
  waitFor(pattern: RegExp): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
}

export async function startTerminal(options: TerminalOptions = {}): Promise<Terminal> {
  const { columns = 120, rows = 40, env = {} } = options;
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-terminal-'));
  await writeFile(join(folder, 'sallyport'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {
    mode: 0o755,
  });
  const socket = join(folder, 'tmux');
  const tmux = async (...args: string[]): Promise<string> =>
    (await run('tmux', ['-S', socket, ...args])).stdout;
  const shell = {
    ...env,
    PROMPT_COMMAND: PROMPT,
    PATH: `${folder}:${process.env['PATH']}`,
    LC_ALL: 'C.UTF-8',
  };
  const variables = Object.entries(shell).map(([name, value]) => `${name}=${value}`);
  const size = ['-x', `${columns}`, '-y', `${rows}`];
  await tmux(
    '-f',
    '/dev/null',
    '-u',
    'new-session',
    '-d',
    ...size,
    'env',
    ...variables,
    'bash',
    '--norc',
    '--noprofile',
  );

  const screen = async (): Promise<string> =>
    (await tmux('capture-pane', '-p')).replace(/ +$/gm, '').trimEnd();
  const until = async (isMet: (shown: string) => boolean, complaint: string): Promise<string> => {
    const deadline = Date.now() + EVENT_TIMEOUT_MS;
    for (;;) {
      const shown = await screen();
      if (isMet(shown)) return shown;
      if (Date.now() > deadline) throw new Error(`${complaint}:\n${shown}`);
      await sleep(LOOK_INTERVAL_MS);
    }
  };
  const waitFor = (pattern: RegExp): Promise<string> =>
    until((shown) => pattern.test(shown), `No ${pattern} on the screen`);
  const stop = async (): Promise<void> => {
    await tmux('kill-server').catch(() => {});
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await waitFor(AT_PROMPT);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    enter: async (line) => {
      await tmux('send-keys', '-l', '--', line);
      // Until it is echoed, the prompt before it would look like the one after it.
      await until((shown) => !AT_PROMPT.test(shown), `"${line}" was not echoed`);
      await tmux('send-keys', 'Enter');
    },
    status: async () => {
      const [, status, raw] = AT_PROMPT.exec(await waitFor(AT_PROMPT)) ?? [];
      if (raw) throw new Error('The terminal was left in raw mode.');
      return Number(status);
    },
    press: async (key) => void (await tmux('send-keys', key)),
    screen,
    waitFor,
    resize: async (x, y) => void (await tmux('resize-window', '-x', `${x}`, '-y', `${y}`)),
    [Symbol.asyncDispose]: stop,
  };
}
