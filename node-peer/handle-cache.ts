import type { FileHandle } from 'node:fs/promises';

interface Slot {
  readonly handle: Promise<FileHandle>;
  /** Tasks under way: the handle stays open for them. */
  readonly uses: Set<Promise<unknown>>;
}

/** Keeps the handles used last open, and opens the others again when they are needed: however many files, few handles. */
export class HandleCache<Key> {
  readonly #limit: number;
  /** Least recently used first. */
  readonly #slots = new Map<Key, Slot>();

  /** @param limit handles kept open while nothing is done with them; tasks under way may hold more */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `task` with the key's handle, opened now if need be; it stays open until the task has settled. */
  async use<T>(
    key: Key,
    open: () => Promise<FileHandle>,
    task: (handle: FileHandle) => Promise<T>,
  ): Promise<T> {
    const slot = this.#slots.get(key) ?? this.#newSlot(key, open());
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    const use = slot.handle.then(task);
    slot.uses.add(use);
    const [oldest] = this.#slots.keys();
    if (this.#slots.size > this.#limit) void this.release(oldest as Key).catch(() => {});
    try {
      return await use;
    } finally {
      slot.uses.delete(use);
    }
  }

  /** Closes the key's handle when its tasks have settled. @throws what closing throws: on some disks it is the last word on a write */
  async release(key: Key): Promise<void> {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    await closeSlot(slot);
  }

  /** Closes all handles when their tasks have settled. Further use opens them again. */
  async close(): Promise<void> {
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    await Promise.allSettled(slots.map(closeSlot));
  }

  #newSlot(key: Key, handle: Promise<FileHandle>): Slot {
    const slot: Slot = { handle, uses: new Set() };
    // Whoever needs a handle that did not open tries anew.
    handle.catch(() => {
      if (this.#slots.get(key) === slot) this.#slots.delete(key);
    });
    return slot;
  }
}

async function closeSlot({ handle, uses }: Slot): Promise<void> {
  await Promise.allSettled(uses);
  await handle.then(
    (opened) => opened.close(),
    () => {},
  );
}
