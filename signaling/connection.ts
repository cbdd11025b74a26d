import { createHash } from 'node:crypto';
import type { Socket } from 'socket.io';
import * as v from 'valibot';
import {
  type Notice,
  type NoticeName,
  type RefusalCode,
  type RequestBody,
  type RoomName,
  requests,
} from '#protocol/signaling.ts';
import type { Backlog } from './backlog.ts';
import type { Limits } from './limits.ts';
import type { Contact, Stay } from './room.ts';
import type { Rooms } from './rooms.ts';
import { type RateTable, TokenBucket } from './token-bucket.ts';

/** What every connection shares. */
export interface Desk {
  readonly rooms: Rooms;
  readonly backlog: Backlog;
  readonly limits: Limits;
  readonly joins: RateTable;
  readonly slots: RateTable;
}

type Answer = RefusalCode | { readonly ok: true; readonly [field: string]: unknown };

/** One client: reads its requests, keeps it within its limits, and remembers which rooms it is in. */
export class Connection implements Contact {
  readonly addressKey: string;
  readonly #socket: Socket;
  readonly #desk: Desk;
  readonly #stays = new Map<RoomName, Stay>();
  readonly #requests: TokenBucket;
  readonly #offences: TokenBucket;

  constructor(socket: Socket, desk: Desk, addressKey: string) {
    this.#socket = socket;
    this.#desk = desk;
    this.addressKey = addressKey;
    this.#requests = new TokenBucket(desk.limits.requests, performance.now());
    this.#offences = new TokenBucket(desk.limits.offences, performance.now());
    socket.onAny((event: string, ...args: unknown[]) => this.#onRequest(event, args));
    socket.on('disconnect', (reason) => this.#onDisconnect(reason));
  }

  tell<N extends NoticeName>(name: N, notice: Notice<N>): void {
    this.#socket.emit(name, notice);
  }

  onOut(stay: Stay): void {
    this.#stays.delete(stay.room.name);
  }

  #onRequest(event: string, args: unknown[]): void {
    const [body, acknowledge] = args;
    if (typeof acknowledge !== 'function') {
      this.#offend();
      return;
    }
    const answer = this.#requests.take(performance.now()) ? this.#answer(event, body) : 'rate-limited';
    acknowledge(typeof answer === 'string' ? { ok: false, code: answer } : answer);
    if (answer === 'malformed' || answer === 'rate-limited') this.#offend();
  }

  #answer(event: string, body: unknown): Answer {
    try {
      switch (event) {
        case 'join':
          return this.#join(v.parse(requests.join.body, body));
        case 'open-slot':
          return this.#openSlot(v.parse(requests['open-slot'].body, body));
        case 'relay': {
          const { room, to, payload } = v.parse(requests.relay.body, body);
          if (this.#desk.backlog.isFull) return 'server-full';
          return this.#inRoom(room, (stay) => stay.room.relay(stay, to, payload));
        }
        case 'dismiss': {
          const { room, member } = v.parse(requests.dismiss.body, body);
          return this.#inRoom(room, (stay) => stay.room.dismiss(stay, member));
        }
        case 'ping':
          v.parse(requests.ping.body, body);
          return { ok: true };
        case 'leave':
          return this.#leave(v.parse(requests.leave.body, body));
        default:
          return 'malformed';
      }
    } catch (error) {
      if (v.isValiError(error)) return 'malformed';
      throw error;
    }
  }

  #join({ role, room, claim }: RequestBody<'join'>): Answer {
    const { rooms, joins, limits } = this.#desk;
    if (!joins.take(this.addressKey, performance.now())) return 'rate-limited';
    const earlier = this.#stays.get(room);
    if (earlier !== undefined) {
      this.#stays.delete(room);
      earlier.room.lose(earlier);
    }
    if (this.#stays.size >= limits.roomsPerSocket) return 'server-full';
    const stay = rooms.join(room, role, digest(claim), this);
    if (stay === 'unknown-slot' || stay === 'slot-closed') {
      joins.drain(this.addressKey, limits.missedSlotCost, performance.now());
    }
    if (typeof stay === 'string') return stay;
    this.#stays.set(room, stay);
    return { ok: true, members: stay.room.seenBy(stay) };
  }

  #openSlot({ claim }: RequestBody<'open-slot'>): Answer {
    const { rooms, slots, limits } = this.#desk;
    if (!slots.take(this.addressKey, performance.now())) return 'rate-limited';
    if (this.#stays.size >= limits.roomsPerSocket) return 'server-full';
    const stay = rooms.openSlot(digest(claim), this);
    if (typeof stay === 'string') return stay;
    this.#stays.set(stay.room.name, stay);
    return { ok: true, slot: stay.room.slot, lifetimeMs: limits.slotLifetimeMs };
  }

  #leave({ room }: RequestBody<'leave'>): Answer {
    return this.#inRoom(room, (stay) => {
      this.#stays.delete(room);
      stay.room.leave(stay);
      return null;
    });
  }

  #inRoom(room: RoomName, act: (stay: Stay) => RefusalCode | null): Answer {
    const stay = this.#stays.get(room);
    return stay === undefined ? 'not-joined' : (act(stay) ?? { ok: true });
  }

  /** Patience with a client that breaks the contract runs out. */
  #offend(): void {
    if (!this.#offences.take(performance.now())) this.#socket.disconnect(true);
  }

  #onDisconnect(reason: string): void {
    // Only this reason is the client's own word; every other is a connection lost.
    const forGood = reason === 'client namespace disconnect';
    for (const stay of this.#stays.values()) {
      if (forGood) stay.room.leave(stay);
      else stay.room.lose(stay);
    }
    this.#stays.clear();
    // A transport without a namespace would escape the limits that are kept here.
    this.#socket.conn.close();
  }
}

/** The server keeps no secret that would let it, or who reads its memory later, take a sender's place elsewhere. */
function digest(claim: string): Buffer {
  return createHash('sha256').update(claim).digest();
}
