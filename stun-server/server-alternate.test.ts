import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Attribute } from './codec/attribute.ts';
import { randomTransactionId } from './codec/binding.ts';
import { changeRequest } from './codec/change-request.ts';
import { readErrorCode } from './codec/error-code.ts';
import { BINDING } from './codec/header.ts';
import type { SocketAddress } from './codec/ip-address.ts';
import { decodeMessage, encodeMessage } from './codec/message.ts';
import { readOtherAddress } from './codec/other-address.ts';
import { readResponseOrigin } from './codec/response-origin.ts';
import { responsePort } from './codec/response-port.ts';
import { readXorMappedAddress } from './codec/xor-mapped-address.ts';
import { type StunServer, startStunServer } from './server.ts';
import { openTcpClient } from './testing/loopback-client.ts';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});

function closing<T extends { close(): unknown }>(resource: T): T {
  open.push(resource);
  return resource;
}

const start = async (port = 0): Promise<StunServer> =>
  closing(await startStunServer({ host: '127.0.0.1', port, alternate: { host: '127.0.0.2' } }));

const asking = (...attributes: Attribute[]) =>
  encodeMessage(
    { messageClass: 'request', method: BINDING, transactionId: randomTransactionId() },
    attributes,
  );

async function udpSocket() {
  const socket = closing(createSocket('udp4'));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

const CORNERS = (['127.0.0.1', '127.0.0.2'] as const).flatMap((address) =>
  [0, 1].map((step) => ({ address, step })),
);
const CHANGES = [false, true].flatMap((ip) => [false, true].map((port) => ({ ip, port })));

describe.each(CORNERS)('UDP at $address, port + $step', ({ address, step }) => {
  test.each(CHANGES)('answers %o from there', async (change) => {
    const { port } = await start();
    const socket = await udpSocket();
    const otherHost = address === '127.0.0.1' ? '127.0.0.2' : '127.0.0.1';
    const from: SocketAddress = {
      address: change.ip ? otherHost : address,
      port: port + (change.port ? 1 - step : step),
    };
    socket.send(asking(changeRequest(change)), port + step, address);
    const [bytes, source] = await once(socket, 'message');
    const message = decodeMessage(bytes);
    expect({ address: source.address, port: source.port }).toEqual(from);
    expect(message && readResponseOrigin(message)).toEqual(from);
    expect(message && readOtherAddress(message)).toEqual({ address: otherHost, port: port + 1 - step });
    expect(message && readXorMappedAddress(message)).toEqual({
      address: '127.0.0.1',
      port: socket.address().port,
    });
  });
});

test('RESPONSE-PORT reaches another socket', async () => {
  const { port } = await start();
  const [asker, receiver] = [await udpSocket(), await udpSocket()];
  asker.send(asking(responsePort(receiver.address().port)), port, '127.0.0.1');
  const [bytes] = await once(receiver, 'message');
  const message = decodeMessage(bytes);
  expect(message && readXorMappedAddress(message)?.port).toBe(asker.address().port);
});

test.each(CORNERS)('TCP at $address, port + $step, tells of the other corner', async ({ address, step }) => {
  const { port } = await start();
  const client = closing(await openTcpClient(address, port + step));
  client.send(asking());
  const answer = await client.receive();
  const message = answer && decodeMessage(answer);
  expect(message && readResponseOrigin(message)).toEqual({ address, port: port + step });
  const otherHost = address === '127.0.0.1' ? '127.0.0.2' : '127.0.0.1';
  expect(message && readOtherAddress(message)).toEqual({ address: otherHost, port: port + 1 - step });

  client.send(asking(changeRequest({ ip: true, port: true })));
  const refusal = await client.receive();
  const refused = refusal && decodeMessage(refusal);
  expect(refused && readErrorCode(refused)?.code).toBe(420);
});

describe('a server with an alternate address', () => {
  test('says where it is, and frees all of it', async () => {
    const server = await start();
    expect(server.address()).toBe(`127.0.0.1:${server.port}`);
    expect(server.alternate).toEqual({ address: '127.0.0.2', port: server.port + 1 });
    await server.close();
    await start(server.port);
  });

  test('takes the alternate port that it is given', async () => {
    const { port } = await start();
    const { alternate } = closing(
      await startStunServer({
        host: '127.0.0.3',
        port,
        alternate: { host: '127.0.0.4', port: port + 1 },
      }),
    );
    expect(alternate).toEqual({ address: '127.0.0.4', port: port + 1 });
  });

  test('is none where one corner is taken, and lets go of the others', async () => {
    const { port, close } = await start();
    await close();
    const taken = closing(createServer().listen(port + 1, '127.0.0.2'));
    await once(taken, 'listening');
    await expect(start(port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    closing(await startStunServer({ host: '127.0.0.1', port }));
  });

  test.each([
    ['one address', '127.0.0.1', { host: '127.0.0.1' }],
    ['every address', '0.0.0.0', { host: '127.0.0.2' }],
    ['every alternate address', '127.0.0.1', { host: '::' }],
    ['two families', '127.0.0.1', { host: '::1' }],
    ['one port', '127.0.0.1', { host: '127.0.0.2', port: 3478 }],
  ])('refuses %s', async (_, host, alternate) => {
    await expect(startStunServer({ host, port: 3478, alternate })).rejects.toThrow(RangeError);
  });
});
