import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where a command keeps what outlives it. @see docs/cli.md "Environment" */
export function stateFolder(): string {
  return join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'sallyport');
}
