import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv6 } from 'node:net';
import { Framing } from '../codec/framing.ts';
import type { SocketAddress } from '../codec/ip-address.ts';

/** One client socket against a server under test. */
export interface LoopbackClient {
  readonly local: SocketAddress;
  send(bytes: Uint8Array): void;
  /** The next message, in order of arrival; null once the server has closed the connection. */
  receive(): Promise<Uint8Array | null>;
  close(): void;
}

export type Transport = 'UDP' | 'TCP';

export function openClient(transport: Transport, host: string, port: number): Promise<LoopbackClient> {
  return transport === 'UDP' ? openUdpClient(host, port) : openTcpClient(host, port);
}

export async function openUdpClient(host: string, port: number): Promise<LoopbackClient> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  const inbox = new Inbox();
  socket.on('message', (bytes) => inbox.put(bytes));
  socket.connect(port, host);
  await once(socket, 'connect');
  return {
    local: { address: socket.address().address, port: socket.address().port },
    send: (bytes) => socket.send(bytes),
    receive: () => inbox.take(),
    close: () => socket.close(),
  };
}

/** @param localAddress to come from, where it matters. */
export async function openTcpClient(
  host: string,
  port: number,
  localAddress?: string,
): Promise<LoopbackClient> {
  const socket = connect({ host, port, noDelay: true, ...(localAddress && { localAddress }) });
  const inbox = new Inbox();
  const framing = new Framing(0xffff);
  socket.on('data', (chunk) => {
    for (const message of framing.push(chunk).messages) inbox.put(message);
  });
  socket.on('error', () => {});
  socket.on('close', () => inbox.put(null));
  await once(socket, 'connect');
  return {
    local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
    send: (bytes) => socket.write(bytes),
    receive: () => inbox.take(),
    close: () => socket.destroy(),
  };
}

class Inbox {
  readonly #messages: (Uint8Array | null)[] = [];
  readonly #takers: ((message: Uint8Array | null) => void)[] = [];

  put(message: Uint8Array | null): void {
    const taker = this.#takers.shift();
    if (taker) taker(message);
    else this.#messages.push(message);
  }

  take(): Promise<Uint8Array | null> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve) => this.#takers.push(resolve));
  }
}
