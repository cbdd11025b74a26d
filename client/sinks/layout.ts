import type { Entry, EntryId } from '#protocol/entry.ts';
import type { ChosenEntry, HeldFile } from '#transport/sink.ts';
import { isPlain } from './choose-container.ts';
import type { Journal, LaidOut } from './journal.ts';

/** How a container is laid out for a delivery, and what it holds from earlier runs. */
export interface Layout {
  /** In the container's order: what is chosen now, and what an earlier run laid out and is not. */
  readonly entries: readonly ChosenEntry[];
  /** Of these, what is not chosen now: it leaves a gap. */
  readonly gaps: readonly EntryId[];
  readonly held: readonly HeldFile[];
}

export function newLayout(chosen: readonly ChosenEntry[]): Layout {
  return { entries: chosen, gaps: [], held: [] };
}

/**
 * Goes on in the container of an earlier run. Null where that cannot be: something is chosen that has no place in it, or
 * what was an archive is to be one file.
 */
export function resumedLayout({ laidOut, leaves }: Journal, chosen: readonly ChosenEntry[]): Layout | null {
  if (isPlain(laidOut) !== isPlain(chosen.map(({ entry }) => entry))) return null;
  const wanted = new Map(chosen.map((one) => [sameKey(laidOutAs(one.entry)), one]));
  const entries: ChosenEntry[] = [];
  const gaps: EntryId[] = [];
  const held: HeldFile[] = [];
  laidOut.forEach((place, number) => {
    const found = wanted.get(sameKey(place));
    if (found === undefined) {
      // No entry of a manifest has such an id.
      const id = -1 - number;
      gaps.push(id);
      entries.push({ id, entry: asEntry(place) });
      return;
    }
    wanted.delete(sameKey(place));
    entries.push(found);
    const ofFile = leaves.get(number);
    if (ofFile !== undefined) held.push({ id: found.id, committed: false, leaves: ofFile });
  });
  return wanted.size === 0 ? { entries, gaps, held } : null;
}

export function laidOutAs(entry: Entry): LaidOut {
  return { kind: entry.kind, path: entry.path, sizeBytes: entry.kind === 'file' ? entry.sizeBytes : 0 };
}

function asEntry({ kind, path, sizeBytes }: LaidOut): Entry {
  return kind === 'file' ? { kind, path, sizeBytes } : { kind, path };
}

/** The same for what is the same: a path cannot hold a zero. */
export function sameKey({ kind, path, sizeBytes }: LaidOut): string {
  return `${kind}\0${sizeBytes}\0${path}`;
}
