/** Child processes that do not outlive the script that started them. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** How long a child may tidy up after SIGTERM before it is killed: a browser needs about two seconds. */
const GRACE_MS = 8_000;
const isWindows = process.platform === 'win32';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
/** Set by a signal: from then on run() does not return, so that its caller cannot mistake the end for a failure. */
let interrupted = false;

/**
 * Starts a program in a process group of its own, without standard input. When it exits, what it left behind in
 * that group is killed; when this process ends or is told to by SIGINT, SIGTERM or SIGHUP, so is the program.
 * @param {string} command
 * @param {string[]} args
 * @param {{ stdio?: 'inherit' | 'pipe', env?: Record<string, string>, cwd?: string }} [options] env is added to ours
 */
export function start(command, args, { stdio = 'inherit', env = {}, cwd } = {}) {
  watchSignals();
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', stdio, stdio],
    detached: !isWindows,
    windowsHide: true,
  });
  running.add(child);
  child.once('exit', () => killGroup(child, 'SIGKILL'));
  child.once('close', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/**
 * Runs a program to its end, or to the end of its time.
 * @param {string} command
 * @param {string[]} args
 * @param {{ stdio?: 'inherit' | 'pipe', env?: Record<string, string>, cwd?: string, timeoutMs?: number,
 *   onStart?: (pid: number) => void }} [options]
 * @returns {Promise<{ status: number | null, signal: string | null, overtime: boolean, output: string }>}
 *   output: standard output and error as they came, empty unless stdio is 'pipe'
 * @throws when the program cannot be started (`ENOENT` and the like)
 */
export async function run(command, args, { timeoutMs, onStart, ...options } = {}) {
  const child = start(command, args, options);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  let overtime = false;
  const timer =
    timeoutMs &&
    setTimeout(() => {
      overtime = true;
      void end(child);
    }, timeoutMs);
  try {
    if (child.pid) onStart?.(child.pid);
    const [status, signal] = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...result) => resolve(result));
    });
    if (interrupted) await new Promise(() => {});
    return { status, signal, overtime, output };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks a child's whole group to end, kills what is left after the grace, and resolves when the child is gone.
 * @param {import('node:child_process').ChildProcess} child
 */
export async function end(child) {
  if (!running.has(child)) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  const killing = setTimeout(() => killGroup(child, 'SIGKILL'), GRACE_MS);
  killGroup(child, 'SIGTERM');
  await gone;
  clearTimeout(killing);
}

/**
 * A group's id stays taken for as long as it has a member, so this reaches the child's own descendants or nobody.
 * @param {import('node:child_process').ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function killGroup(child, signal) {
  if (!child.pid) return;
  try {
    if (isWindows) child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // Nobody is left.
  }
}

let watching = false;
function watchSignals() {
  if (watching) return;
  watching = true;
  process.once('exit', () => {
    for (const child of running) killGroup(child, 'SIGKILL');
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, async () => {
      interrupted = true;
      await Promise.all([...running].map(end));
      process.exit(128 + constants.signals[signal]);
    });
  }
}
