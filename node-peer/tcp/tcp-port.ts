import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { SocketAddress } from '#stun-server/codec/ip-address.ts';
import { MAX_UNPROVEN, PROOF_TIMEOUT_MS } from './limits.ts';

/** One TCP port of this machine, of all its addresses, that is listened at and dialled from. */
export class TcpPort {
  readonly number: number;
  /**
   * Whether it can be dialled from while it is listened at. Linux allows that to sockets that were bound before the
   * listener; elsewhere a port belongs to one socket, and punching through NATs is left out.
   */
  readonly dialsFromHere = process.platform === 'linux';
  #server: Server;
  #onConnection: ((socket: Socket) => void) | null = null;
  /** Accepted before somebody wanted them. */
  readonly #early = new Set<Socket>();
  #dialling = 0;
  #closed = false;

  private constructor(server: Server) {
    this.#server = server;
    this.number = (server.address() as { port: number }).port;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** Takes any free port. @throws the system's error */
  static async open(): Promise<TcpPort> {
    const server = createServer({ pauseOnConnect: true, noDelay: true }).listen(0);
    await once(server, 'listening');
    return new TcpPort(server);
  }

  /** Hands over connections, which their taker owns, those included that came before. They are paused. */
  take(onConnection: (socket: Socket) => void): void {
    this.#onConnection = onConnection;
    for (const socket of this.#early) {
      socket.setTimeout(0);
      onConnection(socket);
    }
    this.#early.clear();
  }

  /** Dials from any other port: for who can be reached without more ado. The socket is the caller's. */
  dial({ address, port }: SocketAddress): Socket {
    return connect({ host: address, port, noDelay: true }).on('error', () => {});
  }

  /**
   * Dials from this port. A listener would be in the way of that, so it is away for a moment: who is dialled by the
   * other side in just that moment refuses, and both try again.
   */
  dialFromHere({ address, port }: SocketAddress): Socket {
    if (!this.dialsFromHere) return this.dial({ address, port });
    this.#server.close();
    this.#dialling += 1;
    const socket = connect({ host: address, port, noDelay: true, localPort: this.number });
    // Given an address and not a name, it is bound in the next tick, which it has asked for already.
    process.nextTick(() => {
      this.#dialling -= 1;
      if (this.#dialling === 0 && !this.#closed) this.#listen();
    });
    return socket.on('error', () => {});
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#early) socket.destroy();
    this.#early.clear();
  }

  #listen(): void {
    this.#server = createServer({ pauseOnConnect: true, noDelay: true });
    this.#server.on('connection', (socket) => this.#accept(socket));
    // Another process may have been quicker: then this side dials, and is not dialled.
    this.#server.on('error', () => {});
    this.#server.listen(this.number);
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#onConnection !== null) {
      this.#onConnection(socket);
    } else if (this.#early.size >= MAX_UNPROVEN) {
      socket.resetAndDestroy();
    } else {
      this.#early.add(socket);
      socket.once('close', () => this.#early.delete(socket));
      socket.setTimeout(PROOF_TIMEOUT_MS, () => socket.destroy());
    }
  }
}
