import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { secureConnection } from '#node-peer/tcp/tls-connection.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import type { ConnectedLane } from '#transport/lane-negotiation.ts';

const LOOPBACK = '127.0.0.1';

/** Both ends of a lane over TLS, over a real TCP connection, as its two sessions take it in. Gone with the test. */
export interface TlsLanePair {
  readonly sender: ConnectedLane;
  readonly receiver: ConnectedLane;
  /** What came through where a pace was given. */
  readonly pacedBytes: number;
  /** The connection is gone at both ends, with what was on its way. */
  cut(): void;
}

/** @param bytesPerMs what gets through from sender to receiver, where it is not all that the kernel can move */
export async function tlsLanePair(
  keys: { readonly sender: SecureSession; readonly receiver: SecureSession },
  bytesPerMs?: number,
): Promise<TlsLanePair> {
  const server = await listen();
  const accepting = once(server, 'connection');
  const pace = bytesPerMs === undefined ? null : await relay(portOf(server), bytesPerMs);
  const dialled = dial(pace?.port ?? portOf(server));
  const [accepted] = (await accepting) as [Socket];
  const made = await Promise.all([
    secureConnection(accepted, keys.sender),
    secureConnection(dialled, keys.receiver),
  ]);
  const [sender, receiver] = made;
  if (!sender || !receiver) throw new Error('no lanes');
  const cut = (): void => {
    for (const socket of [accepted, dialled]) socket.destroy();
  };
  onTestFinished(cut);
  const connected = (lane: ConnectedLane['lane']): ConnectedLane => ({
    ...{ lane, fingerprints: null, viewRoute: async () => 'lan' as const },
  });
  return {
    sender: connected(sender),
    receiver: connected(receiver),
    get pacedBytes() {
      return pace?.bytes ?? 0;
    },
    cut,
  };
}

/** Between the receiver, who dials it, and that port, slow on the way to the receiver. */
async function relay(port: number, bytesPerMs: number): Promise<{ readonly port: number; bytes: number }> {
  const server = await listen();
  const relayed = { port: portOf(server), bytes: 0 };
  server.once('connection', (near: Socket) => {
    const far = dial(port);
    onTestFinished(() => void near.destroy());
    near.on('error', () => {}).once('close', () => far.destroy());
    far.once('close', () => near.destroy());
    near.pipe(far);
    far.on('data', (chunk) => {
      far.pause();
      near.write(chunk);
      relayed.bytes += chunk.length;
      setTimeout(() => far.resume(), chunk.length / bytesPerMs);
    });
  });
  return relayed;
}

async function listen(): Promise<Server> {
  const server = createServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

function dial(port: number): Socket {
  const socket = connect(port, LOOPBACK).on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}
