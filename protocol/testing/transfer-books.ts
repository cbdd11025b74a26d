import { type BlockRef, blockLength, creditCost } from '../block.ts';
import type { ReceiverMessage, SenderMessage } from '../control-message.ts';
import type { Entry, EntryId } from '../entry.ts';
import { equalBytes, LEAF_BYTES } from '../leaf-tree.ts';
import { MAX_LIST_ITEMS } from '../limits.ts';

export const keyOf = ({ entry, index }: BlockRef): string => `${entry}:${index}`;

/** The leaf of a block whose bytes are a version number: the machines never look at bytes. */
export function leafOf({ entry, index }: BlockRef, version: number): Uint8Array {
  const leaf = new Uint8Array(LEAF_BYTES);
  new Uint32Array(leaf.buffer).set([entry, index, version]);
  return leaf;
}

export function expectThat(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** What must hold of a transfer, kept apart from both machines: from what is said, sent and written alone. */
export class TransferBooks {
  readonly #entries: readonly Entry[];
  readonly #creditBytes: number;
  /** What is sent and not acknowledged costs, as far as the sender can know. */
  readonly #outstanding = new Map<string, number>();
  #outstandingCost = 0;
  readonly #sent = new Map<string, number>();
  /** Reasons to send a block once more. */
  readonly #causes = new Map<string, number>();
  /** Begun to arrive and not written. */
  readonly #held = new Map<string, number>();
  #heldBytes = 0;
  readonly #written = new Set<string>();
  readonly #roots = new Map<EntryId, Uint8Array>();
  readonly #heldWhole: ReadonlySet<string>;

  /** @param heldWhole blocks that the receiver has from earlier sessions as the sender has them: keys, not to be sent */
  constructor(entries: readonly Entry[], creditBytes: number, heldWhole: ReadonlySet<string>) {
    this.#entries = entries;
    this.#heldWhole = heldWhole;
    this.#creditBytes = creditBytes;
  }

  sizeOf(entry: EntryId): number {
    const found = this.#entries[entry];
    expectThat(found?.kind === 'file', 'not a file');
    return found.sizeBytes;
  }

  lengthOf({ entry, index }: BlockRef): number {
    return blockLength(this.sizeOf(entry), index);
  }

  // At the sender

  senderSays(message: SenderMessage): void {
    if (message.type !== 'roots') return;
    expectThat(message.roots.length <= MAX_LIST_ITEMS, 'too many roots in a message');
    for (const [entry, root] of message.roots) {
      expectThat(!this.#roots.has(entry), 'a root told twice');
      this.#roots.set(entry, root);
    }
  }

  senderHears(message: ReceiverMessage): void {
    if (message.type === 'ack') {
      for (const range of message.blocks) for (const key of keysOf(range)) this.#release(key);
    } else if (message.type === 'request') {
      for (const range of message.ranges) {
        for (const key of keysOf(range)) {
          this.#release(key);
          if (this.#sent.has(key)) this.#cause(key);
        }
      }
    } else if (message.type === 'failed') {
      this.senderGaveUp(message.entry);
    }
  }

  senderTakes(block: BlockRef): void {
    const key = keyOf(block);
    this.#release(key);
    const cost = creditCost(this.sizeOf(block.entry), block.index);
    this.#outstanding.set(key, cost);
    this.#outstandingCost += cost;
    expectThat(this.#outstandingCost <= this.#creditBytes, 'more outstanding than the credit');
    expectThat(!this.#heldWhole.has(key), 'a block sent that was held');
    const times = (this.#sent.get(key) ?? 0) + 1;
    this.#sent.set(key, times);
    expectThat(times <= 1 + (this.#causes.get(key) ?? 0), 'a block sent again without a cause');
  }

  senderGaveUp(entry: EntryId): void {
    for (const key of this.#outstanding.keys()) if (key.startsWith(`${entry}:`)) this.#release(key);
  }

  #release(key: string): void {
    this.#outstandingCost -= this.#outstanding.get(key) ?? 0;
    this.#outstanding.delete(key);
  }

  #cause(key: string): void {
    this.#causes.set(key, (this.#causes.get(key) ?? 0) + 1);
  }

  // At the receiver

  /**
   * The first frame of a block comes.
   * @param exactly not where the sender may have struck blocks off its books that are still held: damaged ones, failed files
   */
  receiverBegins(block: BlockRef, exactly: boolean): void {
    const key = keyOf(block);
    expectThat(!this.#held.has(key) && !this.#written.has(key), 'a block that is here begun anew');
    this.#held.set(key, this.lengthOf(block));
    this.#heldBytes += this.lengthOf(block);
    if (exactly) expectThat(this.#heldBytes <= this.#creditBytes, 'more held in memory than the credit');
  }

  /** A block is to be written. */
  receiverKeeps(block: BlockRef): void {
    expectThat(this.#held.has(keyOf(block)), 'a block to be written that never came, or twice');
  }

  /** A block is damaged, or no longer of use. */
  receiverLetsGo(block: BlockRef): void {
    this.#heldBytes -= this.#held.get(keyOf(block)) ?? 0;
    this.#held.delete(keyOf(block));
  }

  receiverWrote(block: BlockRef): void {
    this.receiverLetsGo(block);
    this.#written.add(keyOf(block));
  }

  /** A committed file is what its root says. @param root of what is on the disk */
  judgeCommitted(entry: EntryId, root: Uint8Array): void {
    const told = this.#roots.get(entry);
    expectThat(told !== undefined && equalBytes(root, told), 'a file committed under another root');
  }
}

function* keysOf([entry, first, count]: readonly [EntryId, number, number]): Generator<string> {
  for (let index = first; index < first + count; index += 1) yield keyOf({ entry, index });
}
