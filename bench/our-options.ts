import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Options of the command that rows need. */

const HELP_TIMEOUT_MS = 20_000;
const program = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');

/**
 * The options that keep two commands to data channels.
 * @throws {Error} where the command knows none: it has no TCP lanes, and what a row says of them would not be so
 */
export async function dataChannelsOnly(): Promise<readonly string[]> {
  await requireTcpLanes();
  return ['--no-tcp'];
}

/** @throws {Error} where the command has no TCP lanes */
export async function requireTcpLanes(): Promise<void> {
  for (const command of ['send', 'receive']) {
    const { stdout } = await promisify(execFile)(process.execPath, [program, command, '--help'], {
      timeout: HELP_TIMEOUT_MS,
    });
    if (!stdout.includes('--no-tcp'))
      throw new Error(
        `\`sallyport ${command}\` has no --no-tcp: it has no TCP lanes yet, and nothing was measured`,
      );
  }
}
