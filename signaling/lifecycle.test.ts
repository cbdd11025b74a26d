import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RawClient, randomToken, startServer } from './server-harness.ts';

const claim = randomToken();

test('a server closes promptly under open connections of every kind, and closes twice', async () => {
  const server = await startServer();
  const websocket = await RawClient.connect(server.url);
  await websocket.ask('open-slot', { claim });
  const polling = await RawClient.connect(server.url, { transports: ['polling'], upgrade: false });
  await polling.ask('join', { role: 'sender', room: randomToken(), claim });
  const idle = connect(server.port, server.host);
  await new Promise((resolve) => idle.once('connect', resolve));
  const keptAlive = await fetch(`${server.url}healthz`, { headers: { Connection: 'keep-alive' } });
  await keptAlive.text();
  const gone = [websocket.disconnected(), polling.disconnected(), new Promise((r) => idle.once('close', r))];
  await server.close();
  await server.close();
  await Promise.all(gone);
  await expect(fetch(`${server.url}healthz`)).rejects.toThrow();
});

test('a port that is taken is named by the code that Node gives it', async () => {
  const { port } = await startServer();
  await expect(startServer({ port })).rejects.toMatchObject({ code: 'EADDRINUSE', port });
});

test('a server may follow another one on the same port', async () => {
  const first = await startServer();
  const client = await RawClient.connect(first.url);
  await client.ask('open-slot', { claim });
  await first.close();
  const { url } = await startServer({ port: first.port });
  expect(url).toBe(first.url);
  expect(await (await fetch(`${url}healthz`)).json()).toMatchObject({ rooms: 0 });
});

test.each([
  ['127.0.0.1', /^http:\/\/127\.0\.0\.1:\d+\/$/],
  ['0.0.0.0', /^http:\/\/localhost:\d+\/$/],
])('listening at %s it says where to find it', async (host, url) => {
  expect((await startServer({ host })).url).toMatch(url);
});

test('over TLS it serves page and signaling alike', async () => {
  const [cert, key] = await Promise.all(
    ['localhost-cert.pem', 'localhost-key.pem'].map((name) =>
      readFile(join(import.meta.dirname, 'testdata', name)),
    ),
  );
  if (!cert || !key) throw new Error('no certificate');
  const { url } = await startServer({ tls: { cert, key } });
  expect(url).toMatch(/^https:/);
  const status = await new Promise((resolve, reject) => {
    get(`${url}healthz`, { ca: cert }, (response) => resolve(response.resume().statusCode)).on(
      'error',
      reject,
    );
  });
  expect(status).toBe(200);
  // The client's types know browsers only; in Node it hands `ca` to its sockets.
  const client = await RawClient.connect(url, { ca: cert.toString() });
  expect(await client.ask('open-slot', { claim })).toMatchObject({ ok: true });
});

test('a trusted proxy that is no address is refused at the start', async () => {
  await expect(startServer({ trustedProxies: ['my-proxy'] })).rejects.toThrow('my-proxy');
});
