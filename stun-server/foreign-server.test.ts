import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { discoverNat } from './discovery/discover-nat.ts';
import { startStunServer } from './server.ts';

let folder: string;
let coturn: ChildProcess;
let port: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coturn-'));
  // Four corners that were free a moment ago.
  const free = await startStunServer({ host: '127.0.0.1', port: 0, alternate: { host: '127.0.0.2' } });
  port = free.port;
  await free.close();
  const args = [
    ...['-n', '--stun-only', '--no-tls', '--no-dtls', '--no-cli', '--log-file=stdout', '--simple-log'],
    ...['--listening-ip=127.0.0.1', '--listening-ip=127.0.0.2', `--pidfile=${join(folder, 'pid')}`],
    ...[`--listening-port=${port}`, `--alt-listening-port=${port + 1}`, `--userdb=${join(folder, 'db')}`],
  ];
  coturn = spawn('turnserver', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  const missing = once(coturn, 'error').then(() => {
    throw new Error('turnserver is missing: apt-get install coturn');
  });
  await Promise.race([missing, listening(coturn)]);
});
afterAll(async () => {
  coturn.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

/** It says so of its administration's thread last of all. */
async function listening({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) return;
  for await (const line of createInterface(stdout)) if (line.includes('admin thread')) break;
  stdout.resume();
}

test('coturn tells what our server tells', async () => {
  expect(await discoverNat({ host: '127.0.0.1', port, lifetimeSeconds: 1 })).toMatchObject({
    reachable: true,
    other: { address: '127.0.0.2', port: port + 1 },
    mapping: 'none',
    filtering: 'endpoint-independent',
    hairpin: true,
    preservesPort: true,
    lifetime: { aliveSeconds: 1, goneSeconds: null },
    tcp: { mapping: 'none' },
  });
});
