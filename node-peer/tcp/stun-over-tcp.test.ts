import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startStunServer } from '#stun-server/server.ts';
import { askReflexiveAddress, findStunServers } from './stun-over-tcp.ts';
import { tcpLaneMaker } from './tcp-lane-maker.ts';

test('a server tells where it sees the connection', async () => {
  const server = await startStunServer({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  const socket = connect(server.port, '127.0.0.1');
  const asked = askReflexiveAddress(socket);
  await once(socket, 'connect');
  expect(await asked).toEqual({ address: '127.0.0.1', port: socket.localPort });
  expect(socket.destroyed).toBe(false);
  socket.destroy();
});

test.each([
  ['speaks HTTP', (socket: Socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['hangs up', (socket: Socket) => socket.end()],
  ['resets', (socket: Socket) => socket.resetAndDestroy()],
])('one that %s tells nothing', async (_, behave) => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    behave(socket);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1').on('error', () => {});
  expect(await askReflexiveAddress(socket)).toBeNull();
});

test('URLs are read with and without a port, and at most two servers asked', async () => {
  const found = await findStunServers(['stun:127.0.0.1', 'stun:127.0.0.2:99', 'stun:127.0.0.3']);
  expect(found).toEqual([
    { address: '127.0.0.1', port: 3478 },
    { address: '127.0.0.2', port: 99 },
  ]);
  expect(await findStunServers(['turn:127.0.0.1', 'stun:[::1]:5'])).toEqual([]);
});

test('a point is prepared without a server that says nothing, and not at all once aborted', async () => {
  const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  onTestFinished(() => void silent.close());
  await once(silent, 'listening');
  const stunUrls = [`stun:127.0.0.1:${(silent.address() as { port: number }).port}`];
  const point = await tcpLaneMaker().prepare({ stunUrls, signal: new AbortController().signal });
  expect(point.addresses.filter(({ kind }) => kind === 'reflexive')).toEqual([]);
  point.close();
  const aborting = new AbortController();
  const preparing = tcpLaneMaker().prepare({ stunUrls, signal: aborting.signal });
  aborting.abort(new Error('enough'));
  await expect(preparing).rejects.toThrow('enough');
});
