import { randomBytes, timingSafeEqual } from 'node:crypto';
import {
  type CloseReason,
  MAX_RECEIVERS,
  type Notice,
  type NoticeName,
  type RefusalCode,
  type Role,
  type RoomName,
} from '#protocol/signaling.ts';
import type { Limits } from './limits.ts';

/** The connection behind a member, as its rooms see it. */
export interface Contact {
  /** What its address is counted by. */
  readonly addressKey: string;
  tell<N extends NoticeName>(name: N, notice: Notice<N>): void;
  /** The room has put this stay out. */
  onOut(stay: Stay): void;
}

/** One stay of one connection in one room. */
export interface Stay {
  /** Random, so that no other member can name or forge it, and new for each stay. */
  readonly id: string;
  readonly role: Role;
  readonly room: Room;
  /** SHA-256 of the secret that came with the join. */
  readonly claim: Buffer;
  readonly contact: Contact;
  /** In a code room: ends the stay of a receiver that relays nothing. */
  silence?: NodeJS.Timeout;
}

/**
 * One place to meet: a sender sees every receiver, a receiver the sender alone. A link room outlasts both;
 * a code room has one receiver at most, a lifetime, and ends with its sender.
 */
export class Room {
  readonly name: RoomName;
  readonly slot: number | null;
  readonly #limits: Limits;
  readonly #onEnd: (room: Room) => void;
  readonly #receivers = new Map<string, Stay>();
  #sender: Stay | null = null;
  /** Whose the room is; kept for a while after its connection is lost. */
  #claim: Buffer | null = null;
  #grace: NodeJS.Timeout | undefined;
  readonly #lifetime: NodeJS.Timeout | undefined;

  /** @param onEnd called once, when the room may be forgotten */
  constructor(name: RoomName, slot: number | null, limits: Limits, onEnd: (room: Room) => void) {
    this.name = name;
    this.slot = slot;
    this.#limits = limits;
    this.#onEnd = onEnd;
    if (slot !== null) this.#lifetime = after(limits.slotLifetimeMs, () => this.close('expired'));
  }

  get memberCount(): number {
    return this.#receivers.size + (this.#sender === null ? 0 : 1);
  }

  get hasSender(): boolean {
    return this.#sender !== null;
  }

  /** Whom a member sees. */
  seenBy(stay: Stay): string[] {
    if (stay.role === 'sender') return [...this.#receivers.keys()];
    return this.#sender === null ? [] : [this.#sender.id];
  }

  join(role: Role, claim: Buffer, contact: Contact): Stay | RefusalCode {
    const earlier =
      role === 'sender'
        ? this.#sender
        : [...this.#receivers.values()].find((receiver) => timingSafeEqual(receiver.claim, claim));
    if (role === 'sender' && this.#claim !== null && !timingSafeEqual(this.#claim, claim))
      return 'room-taken';
    const maxReceivers = this.slot === null ? MAX_RECEIVERS : 1;
    if (role === 'receiver' && !earlier && this.#receivers.size >= maxReceivers) return 'room-full';
    if (earlier) {
      this.#remove(earlier);
      this.#putOut(earlier, 'replaced');
      this.#tellOthers(earlier, 'member-left');
    }

    const stay: Stay = { id: randomBytes(12).toString('base64url'), role, room: this, claim, contact };
    if (role === 'sender') {
      clearTimeout(this.#grace);
      this.#claim = claim;
      this.#sender = stay;
      for (const receiver of this.#receivers.values()) this.#expectRelay(receiver, this.#limits.firstRelayMs);
    } else {
      this.#receivers.set(stay.id, stay);
      if (this.#sender !== null) this.#expectRelay(stay, this.#limits.firstRelayMs);
    }
    this.#tellOthers(stay, 'member-joined');
    return stay;
  }

  relay(from: Stay, to: string, payload: Uint8Array<ArrayBuffer>): RefusalCode | null {
    const target = from.role === 'sender' ? this.#receivers.get(to) : this.#sender;
    if (!target || target.id !== to) return 'member-gone';
    if (from.role === 'receiver') this.#expectRelay(from, this.#limits.idleMs);
    target.contact.tell('relay', { room: this.name, from: from.id, payload });
    return null;
  }

  dismiss(by: Stay, member: string): RefusalCode | null {
    const receiver = by.role === 'sender' ? this.#receivers.get(member) : undefined;
    if (receiver === undefined) return 'member-gone';
    this.#remove(receiver);
    this.#putOut(receiver, 'dismissed');
    return null;
  }

  /** A member goes for good; its connection knows. */
  leave(stay: Stay): void {
    this.#remove(stay);
    this.#tellOthers(stay, 'member-left');
    if (stay.role === 'sender') this.#claim = null;
    if (stay.role === 'sender' && this.slot !== null) this.close('closed');
    else this.#endIfDeserted();
  }

  /** A member's connection is lost: it may come back. */
  lose(stay: Stay): void {
    this.#remove(stay);
    this.#tellOthers(stay, 'member-left');
    if (stay.role === 'sender') this.#grace = after(this.#limits.senderGraceMs, () => this.#giveUpSender());
    else this.#endIfDeserted();
  }

  /** Ends the room for everybody in it. */
  close(reason: CloseReason): void {
    const everybody = [...this.#receivers.values(), ...(this.#sender === null ? [] : [this.#sender])];
    for (const stay of everybody) {
      this.#remove(stay);
      this.#putOut(stay, reason);
    }
    clearTimeout(this.#grace);
    clearTimeout(this.#lifetime);
    this.#onEnd(this);
  }

  #giveUpSender(): void {
    this.#claim = null;
    if (this.slot !== null) this.close('sender-gone');
    else this.#endIfDeserted();
  }

  #endIfDeserted(): void {
    if (this.slot === null && this.memberCount === 0 && this.#claim === null) this.#onEnd(this);
  }

  /** In a code room, from now on: a handshake does not pause, and another receiver may be waiting. */
  #expectRelay(receiver: Stay, withinMs: number): void {
    clearTimeout(receiver.silence);
    if (this.slot === null) return;
    receiver.silence = after(withinMs, () => {
      this.#remove(receiver);
      this.#putOut(receiver, 'silent');
      this.#tellOthers(receiver, 'member-left');
    });
  }

  #remove(stay: Stay): void {
    clearTimeout(stay.silence);
    if (stay !== this.#sender) {
      this.#receivers.delete(stay.id);
      return;
    }
    this.#sender = null;
    for (const receiver of this.#receivers.values()) clearTimeout(receiver.silence);
  }

  #putOut(stay: Stay, reason: CloseReason): void {
    stay.contact.onOut(stay);
    stay.contact.tell('room-closed', { room: this.name, reason });
  }

  #tellOthers(stay: Stay, name: 'member-joined' | 'member-left'): void {
    const others =
      stay.role === 'sender' ? [...this.#receivers.values()] : this.#sender ? [this.#sender] : [];
    for (const other of others) other.contact.tell(name, { room: this.name, member: stay.id });
  }
}

/** A timer that does not keep the process alive. */
function after(delayMs: number, then: () => void): NodeJS.Timeout {
  return setTimeout(then, delayMs).unref();
}
