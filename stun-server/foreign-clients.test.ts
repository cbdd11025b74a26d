import { spawn } from 'node:child_process';
import { PeerConnection } from 'node-datachannel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type StunServer, startStunServer } from './server.ts';

/** Far above what a client needs here; it ends one that hangs. */
const CLIENT_TIMEOUT_MS = 15_000;

let server: StunServer;
beforeAll(async () => {
  server = await startStunServer({ port: 0 });
});
afterAll(() => server.close());

/** What a client prints. Their exit statuses say nothing: turnutils exit 0 whatever happens. */
function output(debianPackage: string, program: string, ...args: string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: CLIENT_TIMEOUT_MS });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  child.stderr.on('data', (chunk) => (text += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', () => reject(new Error(`${program} is missing: apt-get install ${debianPackage}`)));
    child.on('close', () => resolve(text));
  });
}

describe('coturn', () => {
  test.each(['127.0.0.1', '::1'])('turnutils_stunclient learns its address at %s', async (host) => {
    const text = await output('coturn', 'turnutils_stunclient', '-p', String(server.port), host);
    expect(text).toMatch(new RegExp(`UDP reflexive addr: ${host.replaceAll('.', '\\.')}:\\d+`));
    expect(text).not.toMatch(/error/i);
  });

  test('turnutils_natdiscovery finds its mapping and no second address to filter by', async () => {
    const text = await output(
      'coturn',
      'turnutils_natdiscovery',
      '-m',
      '-f',
      '-p',
      String(server.port),
      '127.0.0.1',
    );
    expect(text.match(/UDP reflexive addr: 127\.0\.0\.1:\d+/g)?.length).toBeGreaterThanOrEqual(2);
    expect(text).not.toMatch(/error/i);
  });

  test('turnutils_natdiscovery is told that PADDING is unknown', async () => {
    const text = await output(
      'coturn',
      'turnutils_natdiscovery',
      '-m',
      '-P',
      '-p',
      String(server.port),
      '127.0.0.1',
    );
    expect(text).toContain('error 420 (Unknown Attribute)');
  });
});

describe('coturn, where the server has an alternate address', () => {
  let server: StunServer;
  beforeAll(async () => {
    server = await startStunServer({ host: '127.0.0.1', port: 0, alternate: { host: '127.0.0.2' } });
  });
  afterAll(() => server.close());

  const discovered = (...flags: string[]) =>
    output('coturn', 'turnutils_natdiscovery', ...flags, '-p', String(server.port), '127.0.0.1');

  test.each([[[]], [['-P']]])('turnutils_natdiscovery %j finds no NAT and no filter', async (flags) => {
    const text = await discovered('-m', '-f', ...flags);
    expect(text).toContain('NAT with Endpoint Independent Mapping!');
    expect(text).toContain('NAT with Endpoint Independent Filtering!');
    expect(text).toContain('No ALG: Mapped == XOR-Mapped');
    expect(text).toContain(`Response origin: : 127.0.0.2:${server.port + 1}`);
    expect(text).not.toMatch(/error|timeout/i);
  });

  test('turnutils_natdiscovery hears on one port what it asked for on another', async () => {
    const text = await discovered('-t', '-T', '1');
    expect(text.match(/UDP reflexive addr: 127\.0\.0\.1:\d+/g)).toHaveLength(2);
    expect(text).not.toMatch(/error|timeout/i);
  });
});

describe('stun-client', () => {
  test('speaks RFC 3489 without the cookie and is met with silence', async () => {
    const text = await output('stun-client', 'stun', `127.0.0.1:${server.port}`);
    expect(text).toContain('Blocked or could not reach STUN server');
  });
});

describe('libjuice', () => {
  test.each(['127.0.0.1', '::1'])('gathers a server-reflexive candidate at %s', async (host) => {
    const peer = new PeerConnection('stun', { iceServers: [{ hostname: host, port: server.port }] });
    const candidates: string[] = [];
    const gathered = new Promise<void>((resolve) => {
      peer.onLocalCandidate((candidate) => candidates.push(candidate));
      peer.onGatheringStateChange((state) => state === 'complete' && resolve());
    });
    peer.createDataChannel('stun');
    await gathered;
    peer.close();
    const reflexive = candidates.filter((candidate) => candidate.includes('typ srflx'));
    expect(reflexive).toHaveLength(1);
    expect(reflexive[0]).toContain(` ${host} `);
  });
});
