import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import type { NoticeName, RequestName, Role } from '#protocol/signaling.ts';

/** One payload that a client gave the server to relay. */
export interface Relay {
  readonly room: string;
  readonly from: string;
  readonly to: string;
  readonly payload: Uint8Array;
}

/** Somebody in a room: a client, or the server itself in disguise. */
interface Member {
  readonly id: string;
  readonly role: Role;
  readonly room: string;
  tell(name: NoticeName, body: object): void;
}

/** A member that the server made up. */
export interface Phantom {
  readonly id: string;
  /** Says something to a member; to all whom it sees where none is named. */
  say(payload: Uint8Array, to?: string): void;
  leave(): void;
}

const memberId = () => randomBytes(12).toString('base64url');

/**
 * A signaling server that keeps the form of docs/signaling-protocol.md and, where a test tells it to, none of its promises.
 * Left alone it is honest.
 */
export class HostileServer {
  /** What it hands out at `api/config`. */
  iceConfig: unknown = { version: 1, iceServers: [] };
  /** Decides what becomes of a payload. `pass` delivers it, or what is given in its place; it may be called at any time. */
  onRelay: (relay: Relay, pass: (payload?: Uint8Array) => void) => void = (_, pass) => pass();
  /** Decides on the answer to a request; gets the honest one. Undefined: there is none. */
  onRequest: (name: RequestName, honest: unknown) => unknown = (_, honest) => honest;
  /** Everything it was given to relay. */
  readonly relayed: Relay[] = [];
  readonly #http = createServer((_, response) => response.end(JSON.stringify(this.iceConfig)));
  readonly #io = new Server(this.#http, { serveClient: false });
  readonly #members = new Map<string, Member>();
  #nextSlot = 100;

  static async start(): Promise<HostileServer> {
    const server = new HostileServer();
    server.#io.on('connection', (socket) => server.#serve(socket));
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    await this.#io.close();
  }

  /** The members of a role, in the order they came. */
  members(role: Role): Member[] {
    return [...this.#members.values()].filter((member) => member.role === role);
  }

  /** Puts a payload into a client's hands, as if `from` had sent it. */
  inject(from: string, to: string, payload: Uint8Array): void {
    const member = this.#members.get(to);
    member?.tell('relay', { room: member.room, from, payload: Buffer.from(payload) });
  }

  /** Joins a room itself. */
  pose(room: string, role: Role, onPayload: (payload: Uint8Array, from: string) => void): Phantom {
    const member: Member = {
      id: memberId(),
      role,
      room,
      tell: (name, body) => {
        if (name !== 'relay') return;
        const { payload, from } = body as Relay;
        onPayload(Uint8Array.from(payload), from);
      },
    };
    this.#enter(member);
    return {
      id: member.id,
      say: (payload, to) => {
        const others = to === undefined ? this.#seenBy(member).map(({ id }) => id) : [to];
        for (const other of others) this.inject(member.id, other, payload);
      },
      leave: () => this.#leave(member),
    };
  }

  #serve(socket: Socket): void {
    const own = new Map<string, Member>();
    socket.onAny((name: RequestName, body: Record<string, unknown>, answer: (reply: unknown) => void) => {
      // The member is told of who is there by the answer, and of who comes by what follows.
      const reply = this.onRequest(name, this.#handle(socket, own, name, body));
      if (reply !== undefined) answer(reply);
    });
    socket.on('disconnect', () => {
      for (const member of own.values()) this.#leave(member);
    });
  }

  #handle(
    socket: Socket,
    own: Map<string, Member>,
    name: RequestName,
    body: Record<string, unknown>,
  ): unknown {
    const room = String(body['room'] ?? '');
    const stay = own.get(room);
    switch (name) {
      case 'open-slot': {
        const slot = this.#nextSlot++;
        this.#join(socket, own, `${slot}`, 'sender');
        return { ok: true, slot, lifetimeMs: 60_000 };
      }
      case 'join':
        return { ok: true, members: this.#join(socket, own, room, body['role'] as Role) };
      case 'relay': {
        if (!stay) return { ok: false, code: 'not-joined' };
        const payload = Uint8Array.from(body['payload'] as Buffer);
        const relay: Relay = { room, from: stay.id, to: String(body['to']), payload };
        this.relayed.push(relay);
        this.onRelay(relay, (changed = payload) => this.inject(relay.from, relay.to, changed));
        return { ok: true };
      }
      case 'leave':
        if (stay) this.#leave(stay);
        own.delete(room);
        return { ok: true };
      default:
        return { ok: true };
    }
  }

  #join(socket: Socket, own: Map<string, Member>, room: string, role: Role): string[] {
    const tell: Member['tell'] = (name, body) => void socket.emit(name, body);
    const member: Member = { id: memberId(), role, room, tell };
    own.set(room, member);
    return this.#enter(member).map(({ id }) => id);
  }

  #enter(member: Member): Member[] {
    const others = this.#seenBy(member);
    this.#members.set(member.id, member);
    for (const other of others) other.tell('member-joined', { room: member.room, member: member.id });
    return others;
  }

  #leave(member: Member): void {
    if (!this.#members.delete(member.id)) return;
    for (const other of this.#seenBy(member))
      other.tell('member-left', { room: member.room, member: member.id });
  }

  #seenBy({ room, role }: Member): Member[] {
    return [...this.#members.values()].filter((other) => other.room === room && other.role !== role);
  }
}
