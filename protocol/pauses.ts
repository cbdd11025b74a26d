import type { EntryId } from './entry.ts';

/** Who holds a transfer up: `here` this side, `there` the other one; all of it, or single files. */
export interface Paused {
  readonly here: boolean;
  readonly there: boolean;
  /** Either of them. */
  readonly all: boolean;
  readonly entriesHere: ReadonlySet<EntryId>;
  readonly entriesThere: ReadonlySet<EntryId>;
  readonly entries: ReadonlySet<EntryId>;
}

/** What either side of one session has paused. All and one file are apart: who lets all go on leaves a paused file paused. */
export class Pauses implements Paused {
  readonly entriesHere = new Set<EntryId>();
  readonly entriesThere = new Set<EntryId>();
  here = false;
  there = false;

  /** Nothing at all may be served. */
  get all(): boolean {
    return this.here || this.there;
  }

  /** Nothing of this file may be served. */
  holds(entry: EntryId): boolean {
    return this.all || this.entriesHere.has(entry) || this.entriesThere.has(entry);
  }

  /** Files that either side holds up. */
  get entries(): ReadonlySet<EntryId> {
    return new Set([...this.entriesHere, ...this.entriesThere]);
  }

  /** @returns whether that is news */
  set(side: 'here' | 'there', paused: boolean, entry?: EntryId): boolean {
    if (entry === undefined) {
      const before = this[side];
      this[side] = paused;
      return before !== paused;
    }
    const entries = side === 'here' ? this.entriesHere : this.entriesThere;
    const before = entries.has(entry);
    if (paused) entries.add(entry);
    else entries.delete(entry);
    return before !== paused;
  }
}
