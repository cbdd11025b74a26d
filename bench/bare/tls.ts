import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { within } from '../bounded.ts';
import type { Moved } from './channel.ts';

/** Bare TLS between two Node processes over loopback: bytes from memory, thrown away on arrival. */

const TIMEOUT_MS = 120_000;
const MAIN = join(import.meta.dirname, 'tls-main.ts');

export async function moveOverTls(bytes: number): Promise<Moved> {
  const ends = ['receive', 'send'].map((role) =>
    fork(MAIN, [role, String(bytes)], { execArgv: ['--import', 'tsx'] }),
  );
  const [receiver, sender] = ends;
  if (!receiver || !sender) throw new Error('two processes were not started');
  try {
    const [port] = await within('a TLS listener', TIMEOUT_MS, once(receiver, 'message'));
    const moved = once(receiver, 'message');
    sender.send(port);
    const [said] = await within('bare TLS', TIMEOUT_MS, moved);
    return said as Moved;
  } finally {
    for (const end of ends) end.kill('SIGKILL');
  }
}
