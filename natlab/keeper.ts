import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const START_TIMEOUT_MS = 10_000;
const SCRIPT_TIMEOUT_MS = 60_000;
/** What a script may print: rules and tables of one lab are tens of kilobytes. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/**
 * A process that holds a set of network namespaces of its own, under a mount of its own, so that nothing of
 * them is seen from outside and they end with it. It ends when its standard input does: with `close`, or
 * with the process that opened it, whatever ended that.
 */
export interface Keeper {
  /** A folder of its own, seen from inside and outside, that goes with it. */
  readonly folder: string;
  /** The words before a command that let it run inside, in the namespace of that name, in this folder. */
  enter(namespace?: string): string[];
  /**
   * Runs a shell script inside and gives what it printed.
   * @throws {Error} with what it complained of
   */
  run(script: string): Promise<string>;
  /** Kills every process in its namespaces, and removes them and the folder. */
  close(): Promise<void>;
}

/** Where Debian keeps ip and nft, which is on root's PATH alone. */
const SYSTEM_PROGRAMS = '/usr/sbin:/sbin';

/** How namespaces are had: with root's own rights, or in a user namespace that anyone may make. */
export type Privilege = 'root' | 'user';

/** What this process has. */
export function ownPrivilege(): Privilege {
  return process.getuid?.() === 0 ? 'root' : 'user';
}

/**
 * @throws {Error} that says in one line why there can be no namespaces here
 */
export async function openKeeper(privilege: Privilege = ownPrivilege()): Promise<Keeper> {
  if (process.platform !== 'linux') throw new Error('Network namespaces exist on Linux alone.');
  const folder = await mkdtemp(join(tmpdir(), 'natlab-'));
  const asUser = privilege === 'user' ? ['--user', '--map-root-user'] : [];
  const child = spawn(
    'unshare',
    [...asUser, '--net', '--mount', '--propagation', 'private', 'sh', '-c', KEEP, 'natlab', folder],
    // A group of its own, which a terminal's Ctrl-C does not reach: it has to outlive its owner for a moment.
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin.on('error', () => {}); // It may have died.
  try {
    await whenReady(child);
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
  child.stdout.destroy();
  child.stderr.destroy();
  // A process that forgets to close it ends all the same, and takes it along.
  child.unref();
  (child.stdin as Socket).unref();

  const enter = (namespace?: string): string[] => [
    'nsenter',
    `--target=${child.pid}`,
    ...(privilege === 'user' ? ['--user', '--preserve-credentials'] : []),
    '--mount',
    '--net',
    `--wdns=${process.cwd()}`,
    'env',
    `PATH=${process.env['PATH']}:${SYSTEM_PROGRAMS}`,
    ...(namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace]),
  ];
  return {
    folder,
    enter,
    run: async (script) => {
      const [command = '', ...args] = [...enter(), 'sh', '-s'];
      const running = promisify(execFile)(command, args, {
        timeout: SCRIPT_TIMEOUT_MS,
        maxBuffer: MAX_OUTPUT_BYTES,
      });
      running.child.stdin?.on('error', () => {});
      running.child.stdin?.end(script);
      try {
        return (await running).stdout;
      } catch (error) {
        const complaint = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
        throw new Error(complaint || String(error), { cause: error });
      }
    },
    close: async () => {
      child.ref();
      child.stdin.end();
      await exited;
    },
  };
}

/**
 * The tmpfs hides the machine's own namespaces from those made here, and the other way round. Whatever still
 * runs in one of them at the end is killed, and looked for until there is nothing, as it may be starting more.
 */
const KEEP = `
PATH="$PATH:${SYSTEM_PROGRAMS}"
mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns && ip link set lo up || exit 1
echo ready
read -r line
inside() { for namespace in /run/netns/*; do ip netns pids "\${namespace##*/}"; done; }
while pids=$(inside); [ "$pids" ]; do kill -9 $pids; done 2>/dev/null
rm -rf "$1"
`;

async function whenReady(child: ChildProcess): Promise<void> {
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const failed = (reason: string): Error =>
    new Error(`There can be no network namespaces here: ${complaint.trim().split('\n')[0] || reason}`);
  if (child.stdout === null) throw failed('no output');
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit', { signal }).then(
    () => 'it ended at once',
    (error) => String(error),
  );
  const spawning = once(child, 'error', { signal }).then(
    ([error]) => String(error),
    (error) => String(error),
  );
  const ready = once(lines, 'line', { signal }).then(
    () => undefined,
    (error) => String(error),
  );
  const reason = await Promise.race([ended, spawning, ready]);
  lines.close();
  if (reason !== undefined) {
    child.kill('SIGKILL');
    throw failed(reason);
  }
}
