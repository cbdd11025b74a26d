import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { decodeBindingResponse, encodeBindingRequest, randomTransactionId } from './codec/binding.ts';
import { openClient } from './testing/loopback-client.ts';

let folder: string;
let main: string;

/** Runs on plain Node as it will when built, and starts ten times as fast as through a loader. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stun-main-'));
  main = join(folder, 'main.mjs');
  const input = fileURLToPath(new URL('main.ts', import.meta.url));
  await build({ input, platform: 'node', output: { file: main }, logLevel: 'silent' });
});
afterAll(() => rm(folder, { recursive: true }));

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function run(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

/** Runs to the end. */
async function ended(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = run(...args);
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (text.stdout += chunk));
  child.stderr.on('data', (chunk) => (text.stderr += chunk));
  const [status] = await once(child, 'close');
  return { status, ...text };
}

async function firstLine(child: ReturnType<typeof run>): Promise<string> {
  const [line] = await once(createInterface(child.stdout), 'line');
  return line;
}

describe.each(['SIGINT', 'SIGTERM'] as const)('STUN alone, until %s', (signal) => {
  test('says as JSON where it listens, answers there, and ends well', async () => {
    const child = run('--host', '127.0.0.1', '--port', '0', '--json');
    const event = JSON.parse(await firstLine(child));
    expect(event).toEqual({ event: 'listening', stun: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    const port = Number(event.stun.split(':')[1]);
    for (const transport of ['UDP', 'TCP'] as const) {
      const client = await openClient(transport, '127.0.0.1', port);
      const id = randomTransactionId();
      client.send(encodeBindingRequest(id));
      const answer = await client.receive();
      expect(answer && decodeBindingResponse(answer, id)).toEqual({ kind: 'mapped', address: client.local });
      client.close();
    }
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

test('can be run by its name', async () => {
  expect(await readFile(main, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});

test('names an address that people can use, IPv6 in brackets', async () => {
  expect(await firstLine(run('--port', '0'))).toMatch(/^STUN answers at 127\.0\.0\.1:\d+, on UDP and TCP\./);
  expect(JSON.parse(await firstLine(run('--port', '0', '--host', '::1', '--json')))).toEqual({
    event: 'listening',
    stun: expect.stringMatching(/^\[::1\]:\d+$/),
  });
});

describe('refuses', () => {
  test.each([
    ['a flag it does not know', ['--prot', '1'], /^Unknown option '--prot'\.$/m],
    ['an argument', ['3478'], /^Unexpected argument '3478'\.$/m],
    ['a flag without its value', ['--port'], /^Option '--port <value>' argument missing\.$/m],
    ['a port that is no number', ['--port', '1e3'], /^A port is a number from 0 to 65535, not "1e3"\.$/m],
    ['a port too high', ['--port', '65536'], /^A port is a number from 0 to 65535, not "65536"\.$/m],
    ['an empty host', ['--host', ''], /^A host is an address or a name; leave --host out for all\.$/m],
  ])('%s, with status 2', async (_, args, sentence) => {
    const { status, stdout, stderr } = await ended(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).toContain('Usage:');
  });

  test('a port that is taken, in one sentence with status 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const args = ['--host', '127.0.0.1', '--port', String(port)];
    const sentence = `Port ${port} is taken by another program; choose another with --port, or 0 for any free one.`;
    expect(await ended(...args)).toEqual({ status: 1, stdout: '', stderr: `${sentence}\n` });
    const asJson = await ended(...args, '--json');
    expect(asJson).toMatchObject({ status: 1, stderr: '' });
    expect(JSON.parse(asJson.stdout)).toEqual({ event: 'error', code: 'EADDRINUSE', message: sentence });
    taken.close();
  });

  test('a host that is elsewhere, in one sentence with status 1', async () => {
    const sentence =
      '"203.0.113.1" is no address of this machine; name one with --host, or leave it out for all.';
    expect(await ended('--host', '203.0.113.1')).toEqual({ status: 1, stdout: '', stderr: `${sentence}\n` });
  });
});
