import type { IncomingMessage, ServerResponse } from 'node:http';
import { CONFIG_PATH, type IceConfig, KNOCK_PATH } from '#protocol/signaling.ts';
import { type OwnHost, parseHost } from './host-header.ts';
import type { Knocks } from './knocks.ts';
import type { StaticFile } from './static-files.ts';

export interface StunAddress {
  readonly port: number;
  /** Where it is not the host by which the client reached us; IPv6 without brackets. */
  readonly host?: string;
}

export interface HttpHandlerOptions {
  readonly files: ReadonlyMap<string, StaticFile>;
  readonly stun: StunAddress;
  readonly health: () => object;
  readonly knocks: Knocks;
}

/** Answers everything that is not Socket.IO's: the page, the ICE servers, those who knock, and whether we are well. */
export function createHttpHandler({ files, stun, health, knocks }: HttpHandlerOptions) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const [, stay] = KNOCK.exec(path) ?? [];
    if (stay !== undefined && request.method === 'POST') {
      const { iceServers } = iceConfig(stun, parseHost(request.headers.host));
      knocks.handle(request, response, stay, iceServers);
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      // Its body is not read, so nothing else can follow on this connection.
      response.writeHead(405, { Allow: 'GET, HEAD', Connection: 'close' }).end();
      return;
    }
    if (path === '/healthz') sendJson(response, health());
    else if (path === `/${CONFIG_PATH}`) sendJson(response, iceConfig(stun, parseHost(request.headers.host)));
    else sendFile(request, response, files.get(path));
  };
}

/** With what names a stay, where there is one. */
const KNOCK = new RegExp(`^/${KNOCK_PATH}(?:$|/(?=.))([A-Za-z0-9_-]{0,22})$`);

function sendJson(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: StaticFile | undefined): void {
  if (file === undefined) {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
    response.end('not found\n');
    return;
  }
  response.setHeader('Cache-Control', file.cacheControl);
  response.setHeader('ETag', file.etag);
  if (request.headers['if-none-match']?.includes(file.etag)) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': file.contentType, 'Content-Length': file.body.length });
  response.end(file.body); // Node leaves the body out of an answer to HEAD.
}

function iceConfig(stun: StunAddress, reachedAs: OwnHost | null): IceConfig {
  const configured = stun.host?.includes(':') ? `[${stun.host}]` : stun.host;
  const hostname = configured ?? reachedAs?.hostname;
  return {
    version: 1,
    iceServers: hostname === undefined ? [] : [{ urls: [`stun:${hostname}:${stun.port}`] }],
  };
}
