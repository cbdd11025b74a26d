import type { ReceiverMessage } from '../control-message.ts';
import type { EntryId } from '../entry.ts';
import type { Receiver } from '../receiver.ts';
import type { Sender } from '../sender.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Side } from './simulated-lanes.ts';

/** What somebody pauses: one file, or everything. */
type Held = EntryId | 'all';

/** The people at both ends, who pause things and let them go on, and what the sender must know of it. */
export class SimulatedPersons {
  readonly #machines: Record<Side, Sender | Receiver>;
  readonly #random: SeededRandom;
  readonly #holding: { side: Side; held: Held }[] = [];
  /** What the sender has been told, by either side. */
  readonly #known: Record<Side, Set<Held>> = { sender: new Set(), receiver: new Set() };
  pausesLeft: number;

  constructor(sender: Sender, receiver: Receiver, pauses: number, random: SeededRandom) {
    this.#machines = { sender, receiver };
    this.pausesLeft = pauses;
    this.#random = random;
  }

  get areHolding(): boolean {
    return this.#holding.length > 0;
  }

  /** Whether the sender knows that it must not serve this file. */
  holdUp(entry: EntryId): boolean {
    return Object.values(this.#known).some((held) => held.has('all') || held.has(entry));
  }

  pause(entries: readonly EntryId[]): void {
    this.pausesLeft -= 1;
    const side = this.#random.oneOf<Side>(['sender', 'receiver']);
    const held = this.#random.chance(50) || entries.length === 0 ? 'all' : this.#random.oneOf(entries);
    this.#holding.push({ side, held });
    this.#set(side, held, true);
  }

  goOn(): void {
    const { side, held } = this.#random.takeOne(this.#holding);
    if (!this.#holding.some((other) => other.side === side && other.held === held))
      this.#set(side, held, false);
  }

  senderHeard(message: ReceiverMessage): void {
    if (message.type === 'pause') this.#know('receiver', message.entry ?? 'all', message.paused);
  }

  #set(side: Side, held: Held, paused: boolean): void {
    if (held === 'all') this.#machines[side].pause(paused);
    else this.#machines[side].pause(paused, held);
    if (side === 'sender') this.#know('sender', held, paused);
  }

  #know(side: Side, held: Held, paused: boolean): void {
    if (paused) this.#known[side].add(held);
    else this.#known[side].delete(held);
  }
}
