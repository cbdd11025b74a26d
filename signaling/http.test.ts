import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RawClient, startServer } from './server-harness.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends a path as it stands: fetch would tidy it up first. */
function ask(
  url: string,
  path: string,
  options: { method?: string; headers?: object } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, path, ...options, headers: { ...options.headers } },
      (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      },
    );
    request.on('error', reject).end();
  });
}

async function builtClient(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'client-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const clientDir = join(directory, 'client');
  await mkdir(join(clientDir, 'assets'), { recursive: true });
  await writeFile(join(clientDir, 'index.html'), '<!doctype html><title>page</title>');
  await writeFile(join(clientDir, 'assets', 'main-Ab3.js'), 'export {};');
  await writeFile(join(clientDir, 'icon.svg'), '<svg/>');
  await writeFile(join(clientDir, 'odd.unknown'), 'x');
  await writeFile(join(clientDir, '.hidden'), 'hidden');
  await writeFile(join(directory, 'secret.txt'), 'secret');
  await symlink(join(directory, 'secret.txt'), join(clientDir, 'link.txt'));
  return clientDir;
}

describe('the page', () => {
  test('is served under / and never kept without asking', async () => {
    const { url } = await startServer({ clientDir: await builtClient() });
    const page = await ask(url, '/');
    expect(page).toMatchObject({ status: 200, body: '<!doctype html><title>page</title>' });
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-length': String(page.body.length),
    });
    const etag = page.headers.etag;
    const again = await ask(url, '/', { headers: { 'If-None-Match': etag } });
    expect(again).toMatchObject({ status: 304, body: '' });
    expect((await ask(url, '/?utm=1')).status).toBe(200);
    expect(await ask(url, '/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  test.each([
    ['/assets/main-Ab3.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
    ['/icon.svg', 'image/svg+xml', 'no-cache'],
    ['/odd.unknown', 'application/octet-stream', 'no-cache'],
  ])('%s is %s', async (path, contentType, cacheControl) => {
    const { url } = await startServer({ clientDir: await builtClient() });
    const { status, headers } = await ask(url, path);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': contentType, 'cache-control': cacheControl });
  });

  test.each([
    '/nothing',
    '/index.html',
    '/assets/',
    '/assets',
    '/.hidden',
    '/link.txt',
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '//secret.txt',
    '/assets/..\\..\\secret.txt',
    '/icon.svg%00.html',
    '/icon.svg/',
    'http://elsewhere/icon.svg',
    '/%',
    '/__proto__',
  ])('has nothing at %s', async (path) => {
    const { url } = await startServer({ clientDir: await builtClient() });
    expect(await ask(url, path)).toMatchObject({ status: 404, body: 'not found\n' });
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('takes no %s', async (method) => {
    const { url } = await startServer({ clientDir: await builtClient() });
    const { status, headers } = await ask(url, '/', { method });
    expect(status).toBe(405);
    expect(headers.allow).toBe('GET, HEAD');
  });

  test('must be built', async () => {
    const clientDir = await mkdtemp(join(tmpdir(), 'client-'));
    onTestFinished(() => rm(clientDir, { recursive: true }));
    await expect(startServer({ clientDir })).rejects.toThrow('the client is not built');
  });
});

describe('every response', () => {
  test.each([
    '/',
    '/nothing',
    '/healthz',
    '/api/config',
    '/socket.io/?EIO=4&transport=polling',
    '/socket.io/?EIO=4&transport=carrier-pigeon',
  ])('at %s keeps scripts, frames and referrers in', async (path) => {
    const { url } = await startServer({ clientDir: await builtClient() });
    const { headers } = await ask(url, path, { headers: { Host: 'files.example:8443' } });
    const policy = Object.fromEntries(
      String(headers['content-security-policy'])
        .split('; ')
        .map((directive) => directive.split(/ (.*)/, 2) as [string, string]),
    );
    expect(policy).toEqual({
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self'",
      'img-src': "'self' blob: data:",
      'font-src': "'self'",
      'media-src': "'self' blob:",
      'connect-src': "'self' ws://files.example:8443 wss://files.example:8443",
      'worker-src': "'self'",
      'manifest-src': "'self'",
      'form-action': "'none'",
      'base-uri': "'none'",
      'frame-ancestors': "'none'",
    });
    expect(headers).toMatchObject({
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers['permissions-policy']).toContain('camera=(), ');
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  test.each(["x; script-src 'unsafe-inline'", '[::1]:8080', 'user@x'])(
    'quotes no Host like %s in its policy',
    async (host) => {
      const { url } = await startServer();
      const { headers } = await ask(url, '/', { headers: { Host: host } });
      expect(headers['content-security-policy']).toContain("connect-src 'self'; ");
    },
  );
});

describe('/api/config', () => {
  const iceServers = (stunUrl: string) => ({ version: 1, iceServers: [{ urls: [stunUrl] }] });

  test.each([
    ['files.example', 'stun:files.example:3478'],
    ['files.example:8443', 'stun:files.example:3478'],
    ['192.0.2.1:8080', 'stun:192.0.2.1:3478'],
    ['[2001:db8::1]:8080', 'stun:[2001:db8::1]:3478'],
  ])('names a STUN server at the host that %s reached', async (host, stunUrl) => {
    const { url } = await startServer();
    const { headers, body } = await ask(url, '/api/config', { headers: { Host: host } });
    expect(JSON.parse(body)).toEqual(iceServers(stunUrl));
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
  });

  test.each([
    ['stun.example', 'stun:stun.example:19302'],
    ['2001:db8::1', 'stun:[2001:db8::1]:19302'],
  ])('names the configured host %s', async (host, stunUrl) => {
    const { url } = await startServer({ stun: { host, port: 19302 } });
    expect(await (await fetch(`${url}api/config`)).json()).toEqual(iceServers(stunUrl));
  });

  test('names none where the Host header makes no sense', async () => {
    const { url } = await startServer();
    const { body } = await ask(url, '/api/config', { headers: { Host: 'a b' } });
    expect(JSON.parse(body)).toEqual({ version: 1, iceServers: [] });
  });
});

test('/healthz counts', async () => {
  const { url } = await startServer();
  const { status, body } = await ask(url, '/healthz');
  expect(status).toBe(200);
  expect(JSON.parse(body)).toEqual({ status: 'ok', uptimeSeconds: expect.any(Number), rooms: 0, members: 0 });
});

describe('Socket.IO', () => {
  test.each([['websocket'], ['polling']] as const)(
    'refuses a page of another site over %s',
    async (transport) => {
      const { url } = await startServer();
      const options = (origin: string) => ({ transports: [transport], extraHeaders: { Origin: origin } });
      for (const origin of ['https://evil.example', 'null', `https://${new URL(url).host}.evil.example`]) {
        await expect(RawClient.connect(url, options(origin))).rejects.toThrow(
          `${transport === 'websocket' ? transport : 'xhr poll'} error`,
        );
      }
      await RawClient.connect(url, options(new URL(url).origin));
    },
  );

  test('serves no client of its own', async () => {
    const { url } = await startServer();
    expect((await ask(url, '/socket.io/socket.io.js')).status).toBe(400);
  });
});
