import type { RefusalCode, Role, RoomName } from '#protocol/signaling.ts';
import type { Limits } from './limits.ts';
import { type Contact, Room, type Stay } from './room.ts';
import { SlotPool } from './slots.ts';
import { Tally } from './tally.ts';

/** A code room's name is its slot; a link room's is 22 characters long. */
const MAX_SLOT_DIGITS = 6;

/** All rooms there are. They live in memory only: after a restart peers rejoin by themselves. */
export class Rooms {
  readonly #limits: Limits;
  readonly #rooms = new Map<RoomName, Room>();
  /** By the address that made them, which may be gone from them since. */
  readonly #perAddress = new Tally();
  readonly #slots: SlotPool;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#slots = new SlotPool(limits.slotRestMs, limits.restingSlots);
  }

  get count(): number {
    return this.#rooms.size;
  }

  get memberCount(): number {
    let members = 0;
    for (const room of this.#rooms.values()) members += room.memberCount;
    return members;
  }

  /** Whether somebody is there to be met. */
  hasSender(name: RoomName): boolean {
    return this.#rooms.get(name)?.hasSender ?? false;
  }

  /** Joins a room; a link room comes into being with its first member, a code room only by `openSlot`. */
  join(name: RoomName, role: Role, claim: Buffer, contact: Contact): Stay | RefusalCode {
    const room = this.#rooms.get(name);
    if (room !== undefined) return room.join(role, claim, contact);
    if (name.length <= MAX_SLOT_DIGITS) {
      return this.#slots.rests(Number(name), performance.now()) ? 'slot-closed' : 'unknown-slot';
    }
    if (this.#isFull(contact)) return 'server-full';
    return this.#create(name, null, contact).join(role, claim, contact);
  }

  /** Makes a code room with its sender in it. */
  openSlot(claim: Buffer, contact: Contact): Stay | RefusalCode {
    if (this.#isFull(contact)) return 'server-full';
    const slot = this.#slots.open(performance.now());
    return this.#create(String(slot), slot, contact).join('sender', claim, contact);
  }

  /** Ends every room without telling anybody: connections are closed by then. */
  close(): void {
    for (const room of this.#rooms.values()) room.close('closed');
  }

  #isFull({ addressKey }: Contact): boolean {
    const { rooms, roomsPerAddress } = this.#limits;
    return this.#rooms.size >= rooms || this.#perAddress.of(addressKey) >= roomsPerAddress;
  }

  #create(name: RoomName, slot: number | null, { addressKey }: Contact): Room {
    const room = new Room(name, slot, this.#limits, () => {
      this.#rooms.delete(name);
      this.#perAddress.remove(addressKey);
      if (slot !== null) this.#slots.close(slot, performance.now());
    });
    this.#rooms.set(name, room);
    this.#perAddress.add(addressKey);
    return room;
  }
}
