import type { Entry, EntryId } from '#protocol/entry.ts';
import type { ChosenEntry, HeldFile } from '#transport/sink.ts';
import { localHeaderBytes } from '../zip/zip-records.ts';
import type { PlacedItem } from './container.ts';
import { DeliveryPlan } from './delivery-plan.ts';
import {
  type Chosen,
  givenUpRecord,
  type Journal,
  joined,
  journalStart,
  type LaidOut,
  layoutRecords,
} from './journal.ts';

/** Where everything chosen lies in the container, and what of it is there from earlier runs. */
export interface Layout {
  readonly plan: DeliveryPlan;
  /** In the container's order. */
  readonly items: readonly PlacedItem[];
  /** By id, entries' numbers in the journal. */
  readonly numbers: ReadonlyMap<EntryId, number>;
  readonly held: readonly HeldFile[];
  /** What stays of the journal that is there, and what is to be appended. */
  readonly journal: { readonly keepBytes: number; readonly append: Uint8Array<ArrayBuffer> };
}

const NEW: Journal = { laidOut: [], leaves: new Map(), givenUp: new Set(), lengthBytes: 0 };

/**
 * Goes on in the container of an earlier run: what is the same keeps its place, what is not chosen any more leaves a
 * gap, what is new lies behind.
 *
 * @param nowMs as for `DeliveryPlan`
 */
export function layOut(before: Journal | null, chosen: readonly ChosenEntry[], nowMs: number): Layout {
  const { laidOut, leaves, givenUp, lengthBytes } = before ?? NEW;
  const wanted = new Map(chosen.map((one) => [sameKey(chosenAs(one.entry)), one]));
  const kept: { readonly one: ChosenEntry; readonly number: number; readonly headerAt: number }[] = [];
  const gaps: number[] = [];
  /** Paths of what is not chosen as it was, and had been begun. */
  const left = new Set<string>();
  let end = 0;
  laidOut.forEach((place, number) => {
    const one = givenUp.has(number) ? undefined : wanted.get(sameKey(place));
    if (one !== undefined) {
      kept.push({ one, number, headerAt: end });
      wanted.delete(sameKey(place));
    } else if (!givenUp.has(number)) {
      gaps.push(number);
      if (leaves.has(number)) left.add(place.path);
    }
    end += place.headerBytes + place.sizeBytes;
  });

  const added = [...wanted.values()];
  const plan = new DeliveryPlan([...kept.map(({ one }) => one), ...added], nowMs);
  // A name that is numbered otherwise than before has no room where it was.
  const fits = kept.every(({ number }, at) => {
    const item = plan.items[at];
    return item !== undefined && localHeaderBytes(item) === laidOut[number]?.headerBytes;
  });
  const resized = added
    .filter(({ entry }) => left.has(entry.path))
    .map(({ id }) => heldAs(id, new Map(), true));
  if (!fits) return { ...layOut(null, chosen, nowMs), held: resized };

  const records: Uint8Array[] = lengthBytes === 0 ? [journalStart()] : gaps.map(givenUpRecord);
  const addedPlaces = added.map(({ entry }, at) => laidOutAs(entry, plan.items[kept.length + at]));
  if (lengthBytes === 0 || added.length > 0) records.push(layoutRecords(addedPlaces, laidOut.length));
  const starts = [...kept.map(({ headerAt }) => headerAt)];
  for (const { headerBytes, sizeBytes } of addedPlaces) {
    starts.push(end);
    end += headerBytes + sizeBytes;
  }
  return {
    plan,
    items: plan.items.map((item, at) => ({ ...item, headerAt: starts[at] ?? 0 })),
    numbers: new Map([
      ...kept.map(({ one, number }) => [one.id, number] as const),
      ...added.map(({ id }, at) => [id, laidOut.length + at] as const),
    ]),
    held: [
      ...kept.flatMap(({ one, number }) => {
        const ofFile = leaves.get(number);
        return ofFile === undefined ? [] : [heldAs(one.id, ofFile)];
      }),
      ...resized,
    ],
    journal: { keepBytes: lengthBytes, append: joined(records) },
  };
}

/** Nothing is committed before all of the container is. */
function heldAs(id: EntryId, leaves: HeldFile['leaves'], resized = false): HeldFile {
  return { id, leaves, committed: false, resized };
}

export function chosenAs(entry: Entry): Chosen {
  return { kind: entry.kind, path: entry.path, sizeBytes: entry.kind === 'file' ? entry.sizeBytes : 0 };
}

/** The same for what is the same: a path cannot hold a zero. */
export function sameKey({ kind, path, sizeBytes }: Chosen): string {
  return `${kind}\0${sizeBytes}\0${path}`;
}

function laidOutAs(entry: Entry, item: DeliveryPlan['items'][number] | undefined): LaidOut {
  return { ...chosenAs(entry), headerBytes: item === undefined ? 0 : localHeaderBytes(item) };
}
