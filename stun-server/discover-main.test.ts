import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type StunServer, startStunServer } from './server.ts';
import { Program } from './testing/program.ts';

let program: Program;
let server: StunServer;

beforeAll(async () => {
  program = await Program.built(fileURLToPath(new URL('discover-main.ts', import.meta.url)));
  server = await startStunServer({ host: '127.0.0.1', port: 0, alternate: { host: '127.0.0.2' } });
});
afterEach(() => program.kill());
afterAll(async () => {
  await server.close();
  await program.remove();
});

test('says in words how there is no NAT, with status 0', async () => {
  const { status, stdout, stderr } = await program.ended(server.address());
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^Inside, this computer is 127\.0\.0\.1; outside, it is 127\.0\.0\.1\.$/m);
  expect(stdout).toMatch(/\(no mapping\)\.$/m);
  expect(stdout).toMatch(/\(endpoint-independent filtering\)\.$/m);
});

test('says it as one line of JSON', async () => {
  const { status, stdout } = await program.ended(server.address(), '--json');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^[^\n]*\n$/);
  expect(JSON.parse(stdout)).toMatchObject({
    event: 'discovered',
    reachable: true,
    mapping: 'none',
    filtering: 'endpoint-independent',
  });
});

describe('with status 1', () => {
  test('says what a server with one address lacks', async () => {
    const alone = await startStunServer({ host: '127.0.0.1', port: 0 });
    const { status, stdout, stderr } = await program.ended(alone.address());
    expect(status).toBe(1);
    expect(stdout).toContain('outside, it is 127.0.0.1');
    expect(stderr).toMatch(/no other address.*--alternate/);
    const asJson = await program.ended(alone.address(), '--json');
    expect(asJson).toMatchObject({ status: 1, stderr: '' });
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      event: 'error',
      code: 'no-other-address',
      reachable: true,
      filtering: null,
    });
    await alone.close();
  });

  test('says that nobody answered', async () => {
    const gone = await startStunServer({ host: '127.0.0.1', port: 0 });
    await gone.close();
    const { status, stderr } = await program.ended(gone.address());
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'The server was not reached over UDP: check its address, or try from another network.\n',
    });
  });

  test('says that a name is unknown', async () => {
    const { status, stderr } = await program.ended('nobody.invalid');
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `"nobody.invalid" is not found: check the name, or write the server's address.\n`,
    });
  });
});

test.each([
  ['no server', [], /^Name one STUN server, by its address or name\.$/m],
  ['two servers', ['a', 'b'], /^Name one STUN server/m],
  ['a port that is none', ['a:0'], /^A port is a number from 1 to 65535, not "0"\.$/m],
  ['a port too high', ['[::1]:65536'], /^A port is a number from 1 to 65535/m],
  ['brackets around a name', ['[a]:1'], /^An address is HOST, HOST:PORT or \[IPv6\]:PORT, not "\[a\]:1"\.$/m],
  ['no host', [':1'], /^An address is HOST/m],
  ['half an IPv6 address', ['::1:x'], /^An address is HOST/m],
  [
    'a lifetime of nothing',
    ['a', '--lifetime', '0'],
    /^A lifetime is a number of seconds from 1 to 3600, not "0"\.$/m,
  ],
  ['a flag it does not know', ['a', '--verbose'], /^Unknown option '--verbose'/m],
])('refuses %s, with status 2', async (_, args, sentence) => {
  const { status, stdout, stderr } = await program.ended(...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(sentence);
  expect(stderr).toContain('Usage: npm run stun:discover');
});
