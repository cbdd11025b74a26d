import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'rolldown';

/** How a program ended, and what it said. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One of our programs on plain Node, as it will run when built; it starts ten times as fast as through a loader. */
export class Program {
  readonly file: string;
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];

  private constructor(folder: string, file: string) {
    this.#folder = folder;
    this.file = file;
  }

  static async built(input: string): Promise<Program> {
    const folder = await mkdtemp(join(tmpdir(), 'stun-program-'));
    const file = join(folder, 'main.mjs');
    await build({ input, platform: 'node', output: { file }, logLevel: 'silent' });
    return new Program(folder, file);
  }

  run(...args: string[]) {
    const child = spawn(process.execPath, [this.file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    return child;
  }

  /** Runs to the end. */
  async ended(...args: string[]): Promise<Ended> {
    const child = this.run(...args);
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (text.stdout += chunk));
    child.stderr.on('data', (chunk) => (text.stderr += chunk));
    const [status] = await once(child, 'close');
    return { status, ...text };
  }

  /** Ends what still runs. */
  kill(): void {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
  }

  async remove(): Promise<void> {
    this.kill();
    await rm(this.#folder, { recursive: true });
  }
}
