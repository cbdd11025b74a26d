import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Attribute, appendAttribute } from './codec/attribute.ts';
import { decodeBindingResponse, encodeBindingRequest, randomTransactionId } from './codec/binding.ts';
import { withFingerprint } from './codec/fingerprint.ts';
import { BINDING } from './codec/header.ts';
import { decodeMessage, encodeMessage } from './codec/message.ts';
import { readUnknownAttributes } from './codec/unknown-attributes.ts';
import { MAX_UNKNOWN_ATTRIBUTES } from './limits.ts';
import { type StunServer, startStunServer } from './server.ts';
import { type LoopbackClient, openClient, openTcpClient, openUdpClient } from './testing/loopback-client.ts';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});

function closing<T extends { close(): unknown }>(resource: T): T {
  open.push(resource);
  return resource;
}

async function start(host?: string): Promise<StunServer> {
  return closing(await startStunServer({ ...(host === undefined ? {} : { host }), port: 0 }));
}

const ID = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
const HEADER = { messageClass: 'request', method: BINDING, transactionId: ID } as const;
const REQUEST = encodeBindingRequest(ID);
const empty = (type: number): Attribute => ({ type, value: new Uint8Array() });
const asking = (...types: number[]) => encodeMessage(HEADER, types.map(empty));
const flipped = (bytes: Uint8Array, offset: number) =>
  bytes.map((byte, i) => (i === offset ? byte ^ 1 : byte));

/** Asks and takes the next message to arrive, which an answer to anything sent before would be. */
async function expectNextAnswerIsOurs(client: LoopbackClient): Promise<void> {
  const id = randomTransactionId();
  client.send(encodeBindingRequest(id));
  const answer = await client.receive();
  expect(answer && decodeBindingResponse(answer, id)).toEqual({ kind: 'mapped', address: client.local });
}

const WAYS = (['UDP', 'TCP'] as const).flatMap((transport) => [
  { transport, bind: '127.0.0.1', host: '127.0.0.1' },
  { transport, bind: '0.0.0.0', host: '127.0.0.1' },
  { transport, bind: '::1', host: '::1' },
  { transport, bind: '::', host: '127.0.0.1' },
  { transport, bind: '::', host: '::1' },
  { transport, bind: undefined, host: '127.0.0.1' },
  { transport, bind: undefined, host: '::1' },
]);

describe.each(WAYS)('$transport to $host of a server on $bind', ({ transport, bind, host }) => {
  async function connected(): Promise<LoopbackClient> {
    const { port } = await start(bind);
    return closing(await openClient(transport, host, port));
  }

  test('says the address the client has', async () => {
    const client = await connected();
    for (let round = 0; round < 3; round++) await expectNextAnswerIsOurs(client);
  });

  test('answers with a FINGERPRINT if asked with one', async () => {
    const client = await connected();
    client.send(withFingerprint(REQUEST));
    const answer = await client.receive();
    expect(answer && decodeMessage(answer)?.attributes.map(({ type }) => type)).toEqual([0x0020, 0x8028]);
  });

  test('refuses unknown required attributes, listing so many', async () => {
    const client = await connected();
    const types = Array.from({ length: 50 }, (_, i) => 0x0100 + i);
    client.send(asking(...types));
    const answer = await client.receive();
    const message = answer && decodeMessage(answer);
    expect(message?.messageClass).toBe('error');
    expect(message && readUnknownAttributes(message)).toEqual(types.slice(0, MAX_UNKNOWN_ATTRIBUTES));
  });

  test.each([
    ['RESPONSE-PORT', [0x0027]],
    ['RESPONSE-PORT and PADDING', [0x0027, 0x0026]],
    ['CHANGE-REQUEST', [0x0003]],
  ])('refuses %s', async (_, types) => {
    const client = await connected();
    client.send(asking(...types));
    const answer = await client.receive();
    expect(answer && decodeBindingResponse(answer, ID)).toMatchObject({
      kind: 'error',
      error: { code: 420 },
    });
  });

  test('is silent about what is no request, or malformed inside its frame', async () => {
    const client = await connected();
    for (const messageClass of ['success', 'error', 'indication'] as const)
      client.send(encodeMessage({ ...HEADER, messageClass }));
    client.send(encodeMessage({ ...HEADER, method: 0x003 }));
    client.send(flipped(withFingerprint(REQUEST), 27));
    client.send(appendAttribute(withFingerprint(REQUEST), empty(0x8022)));
    client.send(flipped(asking(0x8022), 23));
    await expectNextAnswerIsOurs(client);
  });
});

describe('UDP', () => {
  test('is silent about what is no STUN', async () => {
    const { port } = await start('127.0.0.1');
    const client = closing(await openUdpClient('127.0.0.1', port));
    client.send(new Uint8Array());
    client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    client.send(flipped(REQUEST, 7));
    client.send(REQUEST.subarray(0, 19));
    client.send(new Uint8Array([...REQUEST, ...REQUEST]));
    client.send(new Uint8Array(60_000));
    await expectNextAnswerIsOurs(client);
  });

  test('outlives clients that are gone before the answer', async () => {
    const { port } = await start('127.0.0.1');
    for (let round = 0; round < 20; round++) {
      const client = await openUdpClient('127.0.0.1', port);
      client.send(REQUEST);
      client.close();
    }
    await expectNextAnswerIsOurs(closing(await openUdpClient('127.0.0.1', port)));
  });
});

describe('TCP', () => {
  test('takes a request split at every byte', async () => {
    const { port } = await start('127.0.0.1');
    const client = closing(await openTcpClient('127.0.0.1', port));
    for (const byte of withFingerprint(REQUEST)) {
      client.send(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    const answer = await client.receive();
    expect(answer && decodeBindingResponse(answer, ID)).toEqual({ kind: 'mapped', address: client.local });
  });

  test('takes several requests in one segment and answers in order', async () => {
    const { port } = await start('127.0.0.1');
    const client = closing(await openTcpClient('127.0.0.1', port));
    const ids = Array.from({ length: 20 }, randomTransactionId);
    client.send(Buffer.concat(ids.map(encodeBindingRequest)));
    for (const id of ids) {
      const answer = await client.receive();
      expect(answer && decodeBindingResponse(answer, id)).toMatchObject({ kind: 'mapped' });
    }
  });

  test.each([
    ['a wrong cookie', flipped(REQUEST, 7)],
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a message too large', Uint8Array.of(0, 1, 0xff, 0xfc)],
  ])('answers what came before %s, and closes', async (_, bytes) => {
    const { port } = await start('127.0.0.1');
    const client = closing(await openTcpClient('127.0.0.1', port));
    client.send(new Uint8Array([...REQUEST, ...bytes]));
    const answer = await client.receive();
    expect(answer && decodeBindingResponse(answer, ID)).toMatchObject({ kind: 'mapped' });
    expect(await client.receive()).toBeNull();
  });
});

describe('a server', () => {
  test('has one port for both protocols and says where it is', async () => {
    const everywhere = await start();
    expect(everywhere.host).toBe('::');
    expect(everywhere.address()).toBe(`127.0.0.1:${everywhere.port}`);
    const ipv6 = await start('::1');
    expect(ipv6.address()).toBe(`[::1]:${ipv6.port}`);
    const ipv4 = await start('0.0.0.0');
    expect(ipv4.host).toBe('0.0.0.0');
    expect(ipv4.address()).toBe(`127.0.0.1:${ipv4.port}`);
  });

  test('of IPv4 alone leaves IPv6 to others', async () => {
    const { port } = await start('0.0.0.0');
    const other = closing(await startStunServer({ host: '::1', port }));
    await expectNextAnswerIsOurs(closing(await openUdpClient('::1', other.port)));
  });

  test('is found by name', async () => {
    const server = await start('localhost');
    expect(['127.0.0.1', '::1']).toContain(server.host);
  });

  test('closes with connections open, twice if asked, and frees its port', async () => {
    const server = await startStunServer({ host: '127.0.0.1', port: 0 });
    const client = closing(await openTcpClient('127.0.0.1', server.port));
    await Promise.all([server.close(), server.close()]);
    expect(await client.receive()).toBeNull();
    closing(await startStunServer({ host: '127.0.0.1', port: server.port }));
  });

  test('refuses a port that TCP has taken, and lets go of its UDP side', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    closing(taken);
    const { port } = taken.address() as { port: number };
    await expect(startStunServer({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const udp = closing(createSocket('udp4'));
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
  });

  test('refuses a port that UDP has taken', async () => {
    const taken = closing(createSocket('udp4'));
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address();
    await expect(startStunServer({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test("refuses an address that is not this machine's", async () => {
    await expect(startStunServer({ host: '203.0.113.1', port: 0 })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
  });
});
