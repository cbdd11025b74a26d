import { beforeEach, describe, expect, test, vi } from 'vitest';
import { MAX_PORT_ATTEMPTS } from './limits.ts';
import { startStunServer } from './server.ts';

const systemError = (code: string) => Object.assign(new Error(code), { code });
const CLASH = systemError('EADDRINUSE');

/** Ports for UDP in turn; TCP finds the even ones taken, and all of them while none is odd. */
const state = vi.hoisted(() => ({ nextPort: 0, stepPorts: 0, openUdp: 0, withoutIpv6: '' }));

vi.mock('./udp-listener.ts', () => ({
  listenUdp: async (host: string) => {
    if (host === '::' && state.withoutIpv6 !== '') throw systemError(state.withoutIpv6);
    state.openUdp++;
    const port = state.nextPort;
    state.nextPort += state.stepPorts;
    return { port, close: async () => void state.openUdp-- };
  },
}));
vi.mock('./tcp-listener.ts', () => ({
  listenTcp: async (_host: string, port: number) => {
    if (port % 2 === 0) throw CLASH;
    return { port, close: async () => {} };
  },
}));

test('any port means another one where TCP has that number taken', async () => {
  Object.assign(state, { nextPort: 50_000, stepPorts: 1, openUdp: 0 });
  const server = await startStunServer({ host: '127.0.0.1', port: 0 });
  expect(server.port).toBe(50_001);
  expect(state.openUdp).toBe(1);
  await server.close();
  expect(state.openUdp).toBe(0);
});

test('the search for one ends', async () => {
  Object.assign(state, { nextPort: 50_000, stepPorts: 2, openUdp: 0 });
  await expect(startStunServer({ host: '127.0.0.1', port: 0 })).rejects.toBe(CLASH);
  expect(state.nextPort).toBe(50_000 + 2 * MAX_PORT_ATTEMPTS);
  expect(state.openUdp).toBe(0);
});

test('a port that was asked for is tried once', async () => {
  Object.assign(state, { nextPort: 50_000, stepPorts: 1, openUdp: 0 });
  await expect(startStunServer({ host: '127.0.0.1', port: 50_000 })).rejects.toBe(CLASH);
  expect(state.nextPort).toBe(50_001);
});

describe.each(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])('where IPv6 is %s', (code) => {
  beforeEach(() => void Object.assign(state, { nextPort: 50_001, stepPorts: 0, withoutIpv6: code }));

  test.each([undefined, '::'])('every address (%s) is every IPv4 address', async (host) => {
    const server = await startStunServer({ ...(host && { host }), port: 0 });
    expect(server.host).toBe('0.0.0.0');
    await server.close();
  });
});

test('what else stops every address stops it', async () => {
  Object.assign(state, { withoutIpv6: 'EACCES' });
  await expect(startStunServer({ port: 80 })).rejects.toMatchObject({ code: 'EACCES' });
});
