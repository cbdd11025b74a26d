import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { startStunServer } from '../server.ts';
import { discoverNat } from './discover-nat.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});

function closing<T extends { close(): unknown }>(resource: T): T {
  open.push(resource);
  return resource;
}

const HOST = '127.0.0.1';

test('on loopback there is no NAT and no filter', async () => {
  const { port } = closing(await startStunServer({ host: HOST, port: 0, alternate: { host: '127.0.0.2' } }));
  const behaviour = await discoverNat({ host: 'localhost', port, lifetimeSeconds: 1 });
  expect(behaviour).toMatchObject({
    reachable: true,
    local: { address: HOST },
    other: { address: '127.0.0.2', port: port + 1 },
    mapping: 'none',
    filtering: 'endpoint-independent',
    hairpin: true,
    preservesPort: true,
    portStep: null,
    variesAddress: false,
    lifetime: { aliveSeconds: 1, goneSeconds: null },
    tcp: { mapping: 'none' },
  });
  if (!behaviour.reachable) return;
  expect(behaviour.seen.map(({ server }) => `${server.address}+${server.port - port}`)).toEqual([
    ...new Array(5).fill('127.0.0.1+0'),
    '127.0.0.2+0',
    '127.0.0.2+1',
  ]);
  expect(new Set(behaviour.seen.map(({ localPort }) => localPort)).size).toBe(5);
});

describe.each([HOST, '::1'])('a server with %s alone', (host) => {
  test('tells what one address can', async () => {
    const { port } = closing(await startStunServer({ host, port: 0 }));
    expect(await discoverNat({ host, port })).toMatchObject({
      reachable: true,
      other: null,
      mapping: 'none',
      filtering: null,
      hairpin: true,
      tcp: { mapping: 'none' },
    });
  });
});

test('where UDP gets no answer and TCP no STUN, the server is not reached', async () => {
  const other = closing(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  other.listen(0, HOST);
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  expect(await discoverNat({ host: HOST, port })).toEqual({
    reachable: false,
    filtering: 'blocked',
    tcp: null,
  });
});

test('a name that is nobody’s is said so', async () => {
  await expect(discoverNat({ host: 'nobody.invalid', port: 3478 })).rejects.toMatchObject({
    code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
  });
});
