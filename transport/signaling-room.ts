import { base64urlnopad } from '@scure/base';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import {
  type CloseReason,
  MAX_PAYLOAD_BYTES,
  MAX_RECEIVERS,
  type Notice,
  type NoticeName,
  type RefusalCode,
  type Reply,
  type RequestBody,
  type RequestName,
  type Role,
} from '#protocol/signaling.ts';
import { REJOIN_DELAY_MS } from './limits.ts';
import type { Room, RoomHandlers } from './room.ts';

/** What a room needs of the client it belongs to. */
export interface Wire {
  readonly connected: boolean;
  /** `reply` is called with null when the connection, or the server's answer, failed to come. */
  ask<N extends RequestName>(name: N, body: RequestBody<N>, reply: (reply: Reply<N> | null) => void): void;
  /** Resolves when a relay may be sent. */
  turn(): Promise<void>;
  forget(room: StandingRoom): void;
}

/** What the server said to the first join. */
export type Entered = Extract<Reply<'open-slot'> | Reply<'join'>, { ok: true }>;

/** The wish to be in a room, kept up over connections until left or closed. */
export class StandingRoom implements Room {
  /** Null for a slot that the server has not named yet. */
  name: string | null;
  /** Settled by the first join. */
  readonly entered: Promise<Entered>;
  readonly members = new Set<string>();
  readonly #wire: Wire;
  readonly #role: Role;
  readonly #claim: string;
  readonly #handlers: RoomHandlers;
  #settle: { resolve(entered: Entered): void; reject(error: TransferError): void } | null = null;
  #joined = false;
  #over = false;
  #rejoin: ReturnType<typeof setTimeout> | undefined;
  /** Calls held back until whoever awaits `entered` has had its turn. */
  #held: (() => void)[] | null = [];

  constructor(wire: Wire, role: Role, name: string | null, claim: Uint8Array, handlers: RoomHandlers) {
    this.#wire = wire;
    this.#role = role;
    this.name = name;
    this.#claim = base64urlnopad.encode(claim);
    this.#handlers = handlers;
    this.entered = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  onConnect(): void {
    const { name } = this;
    if (name === null) this.#wire.ask('open-slot', { claim: this.#claim }, (reply) => this.#onReply(reply));
    else {
      const body = { role: this.#role, room: name, claim: this.#claim };
      this.#wire.ask('join', body, (reply) => this.#onReply(reply));
    }
  }

  onDisconnect(): void {
    clearTimeout(this.#rejoin);
    if (!this.#joined) return;
    this.#joined = false;
    for (const member of this.members) this.#removeMember(member);
    this.#call(() => this.#handlers.onConnected?.(false));
  }

  /** A notice about this room. @returns false where it breaks the contract */
  onNotice<N extends NoticeName>(name: N, notice: Notice<N>): boolean {
    if (!this.#joined) return true;
    if ('reason' in notice) this.end(CLOSED[notice.reason]);
    else if ('payload' in notice) {
      const { from, payload } = notice;
      // One that has just been dismissed may still be heard.
      if (this.members.has(from)) this.#call(() => this.#handlers.onRelay(from, payload));
    } else if (name === 'member-left') this.#removeMember(notice.member);
    else return this.#addMember(notice.member);
    return true;
  }

  async relay(to: string, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    if (payload.length === 0 || payload.length > MAX_PAYLOAD_BYTES) {
      throw new TransferError('internal', `a payload of ${payload.length} bytes cannot be relayed`);
    }
    await this.#wire.turn();
    const { name } = this;
    if (name === null || !this.#joined || !this.members.has(to)) throw this.#memberGone();
    await new Promise<void>((resolve, reject) => {
      this.#wire.ask('relay', { room: name, to, payload }, (reply) => {
        if (reply?.ok) resolve();
        else if (reply === null || reply.code === 'not-joined') reject(new TransferError('connection-lost'));
        else reject(reply.code === 'member-gone' ? this.#memberGone() : this.#refused(reply.code));
      });
    });
  }

  async dismiss(member: string): Promise<void> {
    const { name } = this;
    // Gone with the connection, or by itself: either way it is not there.
    if (name === null || !this.#joined || !this.members.delete(member)) return;
    await new Promise<void>((resolve) => this.#wire.ask('dismiss', { room: name, member }, () => resolve()));
  }

  leave(): void {
    if (this.name !== null && this.#joined) this.#wire.ask('leave', { room: this.name }, () => {});
    this.#finish();
    this.#held = null;
  }

  /** Out of the room, and not by own wish. */
  end(code: TransferErrorCode, detail?: string): void {
    if (this.#over) return;
    if (this.#settle !== null) this.#settle.reject(new TransferError(code, detail));
    else this.#call(() => this.#handlers.onClosed(code));
    this.#finish();
  }

  #finish(): void {
    this.#settle?.reject(new TransferError('cancelled'));
    this.#settle = null;
    this.#over = true;
    this.#joined = false;
    this.members.clear();
    clearTimeout(this.#rejoin);
    this.#wire.forget(this);
  }

  #onReply(reply: Reply<'join'> | Reply<'open-slot'> | null): void {
    if (this.#over) {
      // Left while the join was on its way.
      const name = reply?.ok && 'slot' in reply ? String(reply.slot) : this.name;
      if (reply?.ok && name !== null) this.#wire.ask('leave', { room: name }, () => {});
      return;
    }
    if (reply === null) {
      // Without a connection the next one asks again; a room that stood before is not given up for one lost answer.
      if (!this.#wire.connected) return;
      if (this.#settle === null) this.#rejoin = setTimeout(() => this.onConnect(), REJOIN_DELAY_MS);
      else this.end('server-unreachable', 'the server does not answer');
      return;
    }
    if (!reply.ok) {
      const { code } = reply;
      const patient = this.#settle === null && (code === 'rate-limited' || code === 'server-full');
      if (patient) this.#rejoin = setTimeout(() => this.onConnect(), REJOIN_DELAY_MS);
      else this.end(this.#refused(code).code, `the server refused: ${code}`);
      return;
    }
    if ('slot' in reply) this.name = String(reply.slot);
    this.#joined = true;
    if (this.#settle === null) this.#call(() => this.#handlers.onConnected?.(true));
    else {
      this.#settle.resolve(reply);
      this.#settle = null;
      setTimeout(() => this.#release(), 0);
    }
    if ('members' in reply) for (const member of reply.members) this.#addMember(member);
  }

  #addMember(member: string): boolean {
    if (this.members.has(member)) return true;
    if (this.members.size >= (this.#role === 'sender' ? MAX_RECEIVERS : 1)) return false;
    this.members.add(member);
    this.#call(() => this.#handlers.onMember(member));
    return true;
  }

  #removeMember(member: string): void {
    if (this.members.delete(member)) this.#call(() => this.#handlers.onMemberLeft(member));
  }

  #call(handler: () => void): void {
    if (this.#over) return;
    if (this.#held === null) handler();
    else this.#held.push(handler);
  }

  #release(): void {
    while (this.#held !== null && this.#held.length > 0) this.#held.shift()?.();
    this.#held = null;
  }

  #memberGone(): TransferError {
    const gone = this.#role === 'receiver' && this.#joined ? 'sender-gone' : 'connection-lost';
    return new TransferError(gone, 'nobody there to relay to');
  }

  #refused(code: RefusalCode): TransferError {
    // A sender whose slot the server does not know had it before the server's restart.
    if (code === 'unknown-slot' && this.#role === 'sender') return new TransferError('code-used', code);
    return new TransferError(REFUSED[code], code);
  }
}

const REFUSED: Readonly<Record<RefusalCode, TransferErrorCode>> = {
  malformed: 'server-refused',
  'rate-limited': 'rate-limited',
  'server-full': 'server-full',
  'unknown-slot': 'wrong-code',
  'slot-closed': 'code-used',
  'room-full': 'room-full',
  'room-taken': 'room-taken',
  'not-joined': 'protocol-violation',
  'member-gone': 'protocol-violation',
};

const CLOSED: Readonly<Record<CloseReason, TransferErrorCode>> = {
  closed: 'code-used',
  expired: 'code-used',
  'sender-gone': 'sender-gone',
  dismissed: 'connection-lost',
  silent: 'peer-silent',
  replaced: 'room-taken',
};
