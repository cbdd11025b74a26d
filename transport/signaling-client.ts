import { io, type Socket } from 'socket.io-client';
import * as v from 'valibot';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import {
  CONFIG_PATH,
  type NoticeName,
  notices,
  type Reply,
  type RequestBody,
  type RequestName,
  type Role,
  requests,
  SIGNALING_VERSION,
  SOCKET_PATH,
} from '#protocol/signaling.ts';
import { fetchIceServers } from './ice-servers.ts';
import {
  MAX_RECONNECT_DELAY_MS,
  RECONNECT_DELAY_MS,
  SERVER_CHECK_MS,
  SERVER_CONNECT_TIMEOUT_MS,
  SERVER_PATIENCE_MS,
} from './limits.ts';
import type { Room, RoomHandlers, SlotRoom } from './room.ts';
import { Pace } from './signaling-pace.ts';
import { StandingRoom, type Wire } from './signaling-room.ts';

export interface SignalingOptions {
  /** Cryptographically strong. */
  randomBytes(lengthBytes: number): Uint8Array;
  /** Aborting closes the client. */
  signal?: AbortSignal;
}

/**
 * The connection to the signaling server, kept up by itself. The server is not trusted: what it says is
 * parsed, and what breaks the contract ends the rooms with `protocol-violation`.
 *
 * @see docs/signaling-protocol.md
 */
export class SignalingClient {
  readonly #base: URL;
  readonly #randomBytes: (lengthBytes: number) => Uint8Array;
  readonly #socket: Socket;
  readonly #rooms = new Set<StandingRoom>();
  readonly #wire: Wire;
  readonly #closing = new AbortController();
  #isChecking = false;
  /** Why the client has ended. */
  #ended: TransferErrorCode | null = null;

  private constructor(base: URL, randomBytes: (lengthBytes: number) => Uint8Array) {
    this.#base = base;
    this.#randomBytes = randomBytes;
    this.#socket = io(base.origin, {
      path: `${base.pathname}${SOCKET_PATH}`,
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      forceNew: true,
      auth: { version: SIGNALING_VERSION },
      timeout: SERVER_CONNECT_TIMEOUT_MS,
      reconnectionDelay: RECONNECT_DELAY_MS,
      reconnectionDelayMax: MAX_RECONNECT_DELAY_MS,
    });
    const pace = new Pace();
    const socket = this.#socket;
    this.#wire = {
      get connected() {
        return socket.connected;
      },
      ask: (name, body, reply) => this.#ask(name, body, reply),
      turn: () => pace.turn(),
      forget: (room) => this.#rooms.delete(room),
    };
    socket.on('connect', () => {
      for (const room of [...this.#rooms]) room.onConnect();
    });
    socket.on('disconnect', () => {
      for (const room of [...this.#rooms]) room.onDisconnect();
      if (!socket.active) this.#end('server-refused');
    });
    socket.on('connect_error', ({ message }) => {
      // A proxy that swallows WebSockets fails no attempt, so the fallback would never come to its turn.
      if (message === 'timeout') socket.io.opts.transports = ['polling', 'websocket'];
      // While active it tries again by itself.
      if (!socket.active) this.#end(message === 'version-mismatch' ? message : 'server-refused');
    });
    socket.onAny((name: string, ...args: unknown[]) => this.#onNotice(name, args));
  }

  /**
   * Starts connecting and returns at once; what is asked meanwhile waits.
   * @param serverUrl where the page is served; its path is a prefix to all of the server's paths.
   */
  static connect(serverUrl: URL | string, options: SignalingOptions): SignalingClient {
    const base = new URL(serverUrl);
    base.search = '';
    base.hash = '';
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    const client = new SignalingClient(base, options.randomBytes);
    if (options.signal?.aborted) client.close();
    options.signal?.addEventListener('abort', () => client.close(), {
      once: true,
      signal: client.#closing.signal,
    });
    return client;
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  /**
   * The STUN servers that this server hands out.
   * @throws TransferError `server-unreachable`, `server-refused`, `protocol-violation`, `cancelled`
   */
  async fetchIceServers(): Promise<RTCIceServer[]> {
    this.#assertOpen();
    // Not AbortSignal.any over AbortSignal.timeout: in Node 20 a garbage collection may take its timer along.
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(new Error('no answer in time')), SERVER_PATIENCE_MS);
    const stop = () => over.abort();
    this.#closing.signal.addEventListener('abort', stop);
    try {
      return await fetchIceServers(new URL(CONFIG_PATH, this.#base), over.signal);
    } catch (error) {
      this.#assertOpen();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener('abort', stop);
    }
  }

  /**
   * @param room 16 bytes in base64url.
   * @param claim 16 secret bytes: a sender that comes back with them, after a reload too, replaces its
   *   earlier connection. Derive them from the share's own secret; without, they last as long as this client.
   * @throws TransferError `room-taken`, `rate-limited`, `server-refused`, `server-full`, `server-unreachable`, `version-mismatch`,
   *   `protocol-violation`, `cancelled`
   */
  async joinAsSender(room: string, handlers: RoomHandlers, claim?: Uint8Array): Promise<Room> {
    const standing = this.#stand('sender', room, handlers, claim);
    await standing.entered;
    return standing;
  }

  /**
   * Opens a code room on a number chosen by the server.
   * @throws TransferError as `joinAsSender`
   */
  async openSlot(handlers: RoomHandlers): Promise<SlotRoom> {
    const standing = this.#stand('sender', null, handlers);
    const entered = await standing.entered;
    if (!('slot' in entered)) throw new TransferError('internal');
    return Object.assign(standing, { slot: entered.slot, lifetimeMs: entered.lifetimeMs });
  }

  /**
   * Joins a link room, whether or not its sender is there, or a code room.
   * @throws TransferError as `joinAsSender`, and `wrong-code` for a slot that the server does not know,
   *   `code-used` for one that is closed, `room-full`
   */
  async joinAsReceiver(room: string | { slot: number }, handlers: RoomHandlers): Promise<Room> {
    const name = typeof room === 'string' ? room : String(room.slot);
    const standing = this.#stand('receiver', name, handlers);
    await standing.entered;
    return standing;
  }

  /**
   * Makes sure of the server, as where a peer has fallen silent: the connection here may be as dead, and TCP would find
   * that out much later. One over which no answer comes soon is made anew.
   */
  check(): void {
    if (!this.connected || this.#isChecking) return;
    this.#isChecking = true;
    const { engine } = this.#socket.io;
    this.#socket.timeout(SERVER_CHECK_MS).emit('ping', {}, (error: Error | null) => {
      this.#isChecking = false;
      if (error !== null) engine.close();
    });
  }

  /** Leaves every room and disconnects. What waits is rejected with `cancelled`; no handler is called any more. */
  close(): void {
    for (const room of [...this.#rooms]) room.leave();
    this.#end('cancelled');
  }

  #stand(
    role: Role,
    name: string | null,
    handlers: RoomHandlers,
    claim = this.#randomBytes(16),
  ): StandingRoom {
    this.#assertOpen();
    const room = new StandingRoom(this.#wire, role, name, claim, handlers);
    this.#rooms.add(room);
    if (this.connected) room.onConnect();
    const timer = setTimeout(() => room.end('server-unreachable'), SERVER_PATIENCE_MS);
    room.entered.catch(() => {}).finally(() => clearTimeout(timer));
    return room;
  }

  #ask<N extends RequestName>(name: N, body: RequestBody<N>, answer: (reply: Reply<N> | null) => void): void {
    this.#socket.timeout(SERVER_PATIENCE_MS).emit(name, body, (error: Error | null, reply: unknown) => {
      if (error !== null) {
        answer(null);
        return;
      }
      const parsed = v.safeParse(requests[name].reply, reply);
      if (!parsed.success) this.#end('protocol-violation', `malformed answer to ${name}`);
      answer(parsed.success ? (parsed.output as Reply<N>) : null);
    });
  }

  #onNotice(name: string, args: unknown[]): void {
    if (!isNoticeName(name)) return;
    const parsed = v.safeParse(notices[name], args[0]);
    if (!parsed.success) {
      this.#end('protocol-violation', `malformed ${name}`);
      return;
    }
    for (const room of this.#rooms) {
      if (room.name !== parsed.output.room) continue;
      if (!room.onNotice(name, parsed.output)) this.#end('protocol-violation', `unexpected ${name}`);
      return;
    }
  }

  #end(code: TransferErrorCode, detail?: string): void {
    if (this.#ended !== null) return;
    this.#ended = code;
    for (const room of [...this.#rooms]) room.end(code, detail);
    this.#closing.abort();
    this.#socket.disconnect();
  }

  #assertOpen(): void {
    if (this.#ended !== null) throw new TransferError(this.#ended);
  }
}

function isNoticeName(name: string): name is NoticeName {
  return Object.hasOwn(notices, name);
}
