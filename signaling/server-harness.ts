/** For tests: a server on loopback, and a bare Socket.IO client that may say anything. */
import { randomBytes } from 'node:crypto';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { SIGNALING_VERSION } from '#protocol/signaling.ts';
import { type SignalingServer, type SignalingServerOptions, startSignaling } from './server.ts';

export const randomToken = (): string => randomBytes(16).toString('base64url');

/** Started on a free port; closed with the test. */
export async function startServer(options: Partial<SignalingServerOptions> = {}): Promise<SignalingServer> {
  const server = await startSignaling({ host: '127.0.0.1', port: 0, stun: { port: 3478 }, ...options });
  onTestFinished(() => server.close());
  return server;
}

export interface Told {
  readonly name: string;
  readonly body: Record<string, unknown>;
}

export class RawClient {
  readonly socket: Socket;
  /** Notices that nobody has waited for yet. */
  readonly told: Told[] = [];
  #waiting: ((told: Told) => void)[] = [];

  constructor(url: string, options: Partial<ManagerOptions & SocketOptions> = {}) {
    this.socket = io(url, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      auth: { version: SIGNALING_VERSION },
      ...options,
    });
    this.socket.onAny((name: string, body: Record<string, unknown>) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting({ name, body });
      else this.told.push({ name, body });
    });
    onTestFinished(() => {
      this.socket.disconnect();
    });
  }

  static async connect(url: string, options?: Partial<ManagerOptions & SocketOptions>): Promise<RawClient> {
    const client = new RawClient(url, options);
    await client.connected();
    return client;
  }

  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
  }

  /** Resolves with the reason. */
  disconnected(): Promise<string> {
    return new Promise((resolve) => this.socket.once('disconnect', resolve));
  }

  /** Sends a request and yields the acknowledgement, whatever it is. */
  ask(event: string, ...args: unknown[]): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      this.socket
        .timeout(10_000)
        .emit(event, ...args, (error: Error | null, reply: Record<string, unknown>) => {
          if (error) reject(error);
          else resolve(reply);
        });
    });
  }

  /** The next notice, in the order of their arrival. */
  next(): Promise<Told> {
    const told = this.told.shift();
    return told ? Promise.resolve(told) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Cuts the connection as a failing network does: nothing is said. */
  cut(): void {
    this.socket.io.engine.close();
  }
}
