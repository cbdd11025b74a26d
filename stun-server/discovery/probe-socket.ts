import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { SocketAddress } from '../codec/ip-address.ts';

type Hear = (bytes: Uint8Array, source: SocketAddress) => void;

/** A local UDP port that has sent nothing when it is opened, which is what makes its NAT mapping worth looking at. */
export class ProbeSocket {
  readonly local: SocketAddress;
  readonly #socket: Socket;
  readonly #hearers = new Set<Hear>();

  private constructor(socket: Socket) {
    const { address, port } = socket.address();
    this.local = { address, port };
    this.#socket = socket;
    // What ICMP says of one probe is no reason to end the others.
    socket.on('error', () => {});
    socket.on('message', (bytes, { address, port }) => {
      for (const hear of this.#hearers) hear(bytes, { address, port });
    });
  }

  /** @param address of this machine; the port is the system's choice. */
  static async open(address: string): Promise<ProbeSocket> {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    return new ProbeSocket(socket);
  }

  send(bytes: Uint8Array, to: SocketAddress): void {
    this.#socket.send(bytes, to.port, to.address, () => {});
  }

  /** @returns ends the listening. */
  onMessage(hear: Hear): () => void {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  close(): void {
    this.#socket.close();
  }
}

/**
 * The address of this machine from which packets to `server` leave. Sends none.
 *
 * @throws the system's error where there is no way there: `ENETUNREACH`, `EADDRNOTAVAIL`.
 */
export async function localAddressTowards(server: SocketAddress): Promise<string> {
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
  try {
    socket.connect(server.port, server.address);
    await once(socket, 'connect');
    return socket.address().address;
  } finally {
    socket.close();
  }
}
