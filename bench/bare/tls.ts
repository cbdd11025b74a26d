import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { within } from '../bounded.ts';
import type { Host, TwoHosts } from '../two-hosts.ts';
import type { Moved, Role } from './channel.ts';

/** Bare TLS between two Node processes, from alice to bob: bytes from memory, thrown away on arrival. */

const TIMEOUT_MS = 120_000;
const MAIN = join(import.meta.dirname, 'tls-main.ts');

export async function moveOverTls(hosts: TwoHosts, bytes: number): Promise<Moved> {
  const start = (host: Host, role: Role): ChildProcess => {
    const words = [...hosts.lab.host(host).enter, process.execPath, '--import', 'tsx', MAIN];
    const [command = '', ...args] = [...words, role, String(bytes)];
    return spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  };
  const [receiver, sender] = [start('bob', 'receive'), start('alice', 'send')];
  try {
    const [port] = await within('a TLS listener', TIMEOUT_MS, once(receiver, 'message'));
    const moved = once(receiver, 'message');
    sender.send({ host: hosts.address('bob'), port });
    const [said] = await within('bare TLS', TIMEOUT_MS, moved);
    return said as Moved;
  } finally {
    for (const end of [receiver, sender]) end.kill('SIGKILL');
  }
}
