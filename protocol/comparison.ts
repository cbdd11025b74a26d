import type { ReceiverMessage } from './control-message.ts';
import type { EntryId } from './entry.ts';
import { ProtocolViolation } from './errors.ts';
import { equalBytes } from './leaf-tree.ts';
import { MAX_COMPARES_ASKED, MAX_LIST_ITEMS } from './limits.ts';
import type { OpenFile } from './open-file.ts';

/** A file that is being compared, as far as the sender has been asked. */
interface Compared {
  readonly file: OpenFile;
  /** Blocks held from earlier sessions, ascending. */
  readonly held: readonly number[];
  /** Of `held`: the first that has not been asked for. */
  next: number;
  /** How many leaves are on their way, by the first block of each message. */
  readonly asked: Map<number, number>;
  readonly differing: number[];
}

/**
 * Finds out which blocks from earlier sessions are no longer the sender's: asks for its leaves, some at a time.
 * @see docs/transfer-protocol.md "Going on after an interruption"
 */
export class Comparison {
  readonly #say: (message: ReceiverMessage) => void;
  readonly #files = new Map<EntryId, Compared>();
  #askedInAll = 0;

  constructor(say: (message: ReceiverMessage) => void) {
    this.#say = say;
  }

  begin(entry: EntryId, file: OpenFile): void {
    const held = [...file.held].sort((a, b) => a - b);
    this.#files.set(entry, { file, held, next: 0, asked: new Map(), differing: [] });
    this.#ask();
  }

  /** This side has given the file up: what was asked before is still answered, and counts until then. */
  stop(entry: EntryId): void {
    const compared = this.#files.get(entry);
    if (!compared) return;
    compared.next = compared.held.length;
    if (compared.asked.size === 0) this.#files.delete(entry);
  }

  /** The sender has given the file up and answers no more for it. */
  drop(entry: EntryId): void {
    this.#askedInAll -= this.#files.get(entry)?.asked.size ?? 0;
    this.#files.delete(entry);
    this.#ask();
  }

  /**
   * @returns the held blocks that differ, once the whole file has been compared, else null
   * @throws ProtocolViolation for what was not asked for
   */
  hear(entry: EntryId, first: number, leaves: readonly Uint8Array[]): readonly number[] | null {
    const compared = this.#files.get(entry);
    if (compared?.asked.get(first) !== leaves.length)
      throw new ProtocolViolation('leaves that were not asked for');
    compared.asked.delete(first);
    this.#askedInAll -= 1;
    const { file, held, differing } = compared;
    for (const [i, leaf] of leaves.entries()) {
      const own = file.held.has(first + i) ? file.leaves.leaf(first + i) : null;
      if (own && !equalBytes(own, leaf)) differing.push(first + i);
    }
    this.#ask();
    if (compared.next < held.length || compared.asked.size > 0) return null;
    this.#files.delete(entry);
    return differing;
  }

  #ask(): void {
    for (const [entry, compared] of this.#files) {
      const { held, asked } = compared;
      while (compared.next < held.length && this.#askedInAll < MAX_COMPARES_ASKED) {
        const first = held[compared.next] as number;
        let count = 1;
        for (let next = held[compared.next]; next !== undefined && next - first < MAX_LIST_ITEMS; ) {
          count = next - first + 1;
          compared.next += 1;
          next = held[compared.next];
        }
        asked.set(first, count);
        this.#askedInAll += 1;
        this.#say({ type: 'compare', entry, first, count });
      }
    }
  }
}
