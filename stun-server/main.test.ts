import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { decodeBindingResponse, encodeBindingRequest, randomTransactionId } from './codec/binding.ts';
import { openClient } from './testing/loopback-client.ts';
import { Program } from './testing/program.ts';

let program: Program;
beforeAll(async () => {
  program = await Program.built(fileURLToPath(new URL('main.ts', import.meta.url)));
});
afterEach(() => program.kill());
afterAll(() => program.remove());

const run = (...args: string[]) => program.run(...args);
const ended = (...args: string[]) => program.ended(...args);

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
  expect(await readFile(program.file, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});

test('names an address that people can use, IPv6 in brackets', async () => {
  expect(await firstLine(run('--port', '0'))).toMatch(/^STUN answers at 127\.0\.0\.1:\d+, on UDP and TCP\./);
  expect(JSON.parse(await firstLine(run('--port', '0', '--host', '::1', '--json')))).toEqual({
    event: 'listening',
    stun: expect.stringMatching(/^\[::1\]:\d+$/),
  });
});

describe('with an alternate address', () => {
  test('says both addresses, the second with the port above', async () => {
    const args = ['--host', '127.0.0.1', '--port', '0', '--alternate', '127.0.0.2'];
    const { stun, alternate } = JSON.parse(await firstLine(run(...args, '--json')));
    expect(alternate).toBe(`127.0.0.2:${Number(stun.split(':')[1]) + 1}`);
    expect(await firstLine(run(...args))).toMatch(
      /^STUN answers at 127\.0\.0\.1:\d+, on UDP and TCP\. With 127\.0\.0\.2:\d+ it tells clients how their NAT behaves\./,
    );
  });

  test('that is elsewhere ends in one sentence with status 1', async () => {
    const sentence = '"127.0.0.1" or "203.0.113.1" is no address of this machine; name two that are.';
    const args = ['--host', '127.0.0.1', '--port', '0', '--alternate', '203.0.113.1'];
    expect(await ended(...args)).toEqual({ status: 1, stdout: '', stderr: `${sentence}\n` });
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
    ['an alternate of every address', ['--alternate', '127.0.0.2'], /^--alternate goes with --host/m],
    [
      'an alternate that is the same',
      ['--host', '127.0.0.1', '--alternate', '127.0.0.1:9'],
      /^The two addresses are one\.$/m,
    ],
    [
      'an alternate without a port above',
      ['--host', '127.0.0.1', '--port', '65535', '--alternate', '127.0.0.2'],
      /^--alternate needs a port/m,
    ],
    ['an alternate that is none', ['--host', '127.0.0.1', '--alternate', ':1'], /^An address is HOST/m],
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
