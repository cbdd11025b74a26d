import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import * as v from 'valibot';
import { Hello, SOCKET_PATH } from '#protocol/signaling.ts';
import { Admission } from './admission.ts';
import { Backlog } from './backlog.ts';
import { Connection, type Desk } from './connection.ts';
import { parseHost } from './host-header.ts';
import { createHttpHandler, type StunAddress } from './http-handler.ts';
import { Knocks } from './knocks.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { Rooms } from './rooms.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { loadStaticFiles } from './static-files.ts';
import { TcpConnections } from './tcp-connections.ts';
import { RateTable } from './token-bucket.ts';
import { TrustedProxies } from './trusted-proxies.ts';

export interface SignalingServerOptions {
  /** The address to listen at; `0.0.0.0` or `::` for all. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** The built page; without, only signaling is served. */
  readonly clientDir?: string;
  /** Handed out at `api/config`. */
  readonly stun: StunAddress;
  /** PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /** Addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed. */
  readonly trustedProxies?: readonly string[];
  /** For tests. */
  readonly limits?: Partial<Limits>;
}

export interface SignalingServer {
  /** Where a browser on this machine finds it. */
  readonly url: string;
  /** The address really listened at, and its port. */
  readonly host: string;
  readonly port: number;
  /** Cuts every connection and stops listening. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts page and signaling on one port.
 * @throws Error as Node does: with `code` `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` where it cannot listen; with a
 *   sentence where the client is not built or a trusted proxy is no address
 * @see docs/signaling-protocol.md
 */
export async function startSignaling(options: SignalingServerOptions): Promise<SignalingServer> {
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const proxies = new TrustedProxies(options.trustedProxies ?? []);
  const files = options.clientDir === undefined ? new Map() : await loadStaticFiles(options.clientDir);
  const rooms = new Rooms(limits);
  const startedMs = performance.now();
  const health = () => ({
    status: 'ok',
    uptimeSeconds: Math.floor((performance.now() - startedMs) / 1000),
    rooms: rooms.count,
    members: rooms.memberCount,
  });

  const admission = new Admission(limits, proxies);
  const desk: Desk = {
    rooms,
    backlog: new Backlog(limits),
    limits,
    joins: new RateTable(limits.joins, limits.rateEntries),
    slots: new RateTable(limits.slots, limits.rateEntries),
  };
  const knocks = new Knocks(desk, admission);
  const handle = createHttpHandler({ files, stun: options.stun, health, knocks });
  const patience = {
    headersTimeout: limits.helloMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.helloMs / 2,
  };
  const http =
    options.tls === undefined
      ? createServer(patience, handle)
      : createTlsServer({ ...options.tls, ...patience, handshakeTimeout: limits.helloMs }, handle);
  http.maxConnections = limits.tcpConnections;
  const io = attachSocketIo(http, desk, admission);
  // Ahead of Socket.IO's listener too.
  http.prependListener('request', (request: IncomingMessage, response: ServerResponse) =>
    setSecurityHeaders(response, parseHost(request.headers.host)),
  );
  const tcp = new TcpConnections(limits.tcpConnectionsPerAddress, proxies);
  http.on('connection', (socket) => tcp.admit(socket));

  await new Promise<void>((resolve, reject) => {
    // Stays: once we listen, an error is one connection that could not be accepted.
    http.on('error', reject);
    http.listen({ host: options.host, port: options.port }, resolve);
  });

  const { address, port } = http.address() as AddressInfo;
  const everywhere = address === '0.0.0.0' || address === '::';
  const name = everywhere ? 'localhost' : address.includes(':') ? `[${address}]` : address;
  let closed: Promise<void> | undefined;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${name}:${port}/`,
    host: address,
    port,
    close() {
      closed ??= io.close();
      rooms.close();
      // Upgraded and idle connections would otherwise be waited for.
      tcp.destroyAll();
      return closed;
    },
  };
}

function attachSocketIo(http: ReturnType<typeof createServer>, desk: Desk, admission: Admission): Server {
  const { limits, backlog } = desk;
  const io = new Server(http, {
    path: `/${SOCKET_PATH}`,
    transports: ['websocket', 'polling'],
    serveClient: false,
    maxHttpBufferSize: limits.messageBytes,
    perMessageDeflate: false,
    httpCompression: false,
    connectTimeout: limits.helloMs,
    pingInterval: limits.pingIntervalMs,
    pingTimeout: limits.pingTimeoutMs,
    allowRequest(request, decide) {
      const refusal = admission.refusal(request);
      decide(refusal, refusal === null);
    },
  });
  io.engine.on('connection', (transport) => {
    admission.watch(transport);
    backlog.watch(transport);
  });
  io.use((socket, next) =>
    next(v.is(Hello, socket.handshake.auth) ? undefined : new Error('version-mismatch')),
  );
  io.on('connection', (socket) => new Connection(socket, desk, admission.addressKey(socket.conn)));
  return io;
}
