import { connect, Server, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { SignalingServer } from './server.ts';
import { startServer } from './server-harness.ts';

function open({ port, host }: SignalingServer): Socket {
  const socket = connect(port, host);
  socket.on('error', () => {});
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));

/** Whether it is served: a connection beyond the share is cut instead. */
function served(server: SignalingServer): Promise<boolean> {
  const socket = open(server);
  return new Promise((resolve) => {
    socket.once('data', () => resolve(true));
    socket.once('close', () => resolve(false));
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });
}

test.each([
  ['an address', { tcpConnectionsPerAddress: 2 }],
  ['the server', { tcpConnections: 2 }],
])('%s has a bounded number of connections that say nothing', async (_, limits) => {
  const server = await startServer({ limits });
  const first = open(server);
  expect(await served(server)).toBe(true);
  expect(await served(server)).toBe(false);
  first.destroy();
  await expect.poll(() => served(server)).toBe(true);
});

test('a trusted proxy may have more than an address', async () => {
  const server = await startServer({
    trustedProxies: ['127.0.0.1'],
    limits: { tcpConnectionsPerAddress: 1 },
  });
  open(server);
  expect(await served(server)).toBe(true);
  expect(await served(server)).toBe(true);
});

test.each([
  ['says nothing', ''],
  ['never ends its headers', 'GET / HTTP/1.1\r\nHost: localhost\r\n'],
  ['never ends its body', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1'],
])('a connection that %s is closed', async (_, said) => {
  const server = await startServer({ limits: { helloMs: 50, requestMs: 50 } });
  const socket = open(server).resume();
  socket.write(said);
  await closed(socket);
});

test('connections that could not be accepted, one after the other, leave the server running', async () => {
  const listen = vi.spyOn(Server.prototype, 'listen');
  onTestFinished(() => listen.mockRestore());
  const server = await startServer();
  const http = listen.mock.contexts[0] as Server;
  for (let count = 0; count < 2; count += 1) http.emit('error', new Error('accept EMFILE'));
  expect(await served(server)).toBe(true);
});
