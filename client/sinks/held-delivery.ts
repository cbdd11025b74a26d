import type { Entry, EntryId } from '#protocol/entry.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { type Chosen, type Journal, readJournal } from './journal.ts';
import { chosenAs, sameKey } from './layout.ts';
import type { MemoryShelf } from './memory-shelf.ts';
import { findDeliveryId, findJournal, TransferPlace } from './transfer-place.ts';

/** What is here of a share from an earlier run. */
export interface HeldDelivery {
  /** What was chosen then, and not given up. */
  readonly chosen: readonly Chosen[];
  /** Written; how much of it is still as it was written is found out when it is read again. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/** Null where nothing is here. */
export async function findHeld(shareId: string, shelf: MemoryShelf): Promise<HeldDelivery | null> {
  const onDisk = await findJournal(shareId).catch(() => null);
  const journal = readJournal(onDisk ?? shelf.get(shareId)?.journal.bytes() ?? new Uint8Array());
  return journal === null || journal.leaves.size === 0 ? null : summed(journal);
}

/** Which delivery of the share an earlier run left here; null where none did, or another tab goes on with it. */
export async function heldDeliveryId(shareId: string, shelf: MemoryShelf): Promise<string | null> {
  const onDisk = await findDeliveryId(shareId).catch(() => null);
  return onDisk ?? shelf.get(shareId)?.deliveryId ?? null;
}

/** Throws away what is here. @throws TransferError `sink-failed` where another tab gathers it */
export async function forgetHeld(shareId: string, shelf: MemoryShelf): Promise<void> {
  shelf.delete(shareId);
  const place = await TransferPlace.take(shareId);
  await place.remove();
}

/** By what ids the share offers now what was chosen then; `isWhole` says whether it offers all of that. */
export function offeredAgain(
  { chosen }: HeldDelivery,
  entries: readonly Entry[],
): { readonly ids: ReadonlySet<EntryId>; readonly isWhole: boolean } {
  const offered = new Map(entries.map((entry, id) => [sameKey(chosenAs(entry)), id]));
  const ids = new Set(chosen.flatMap((place) => offered.get(sameKey(place)) ?? []));
  return { ids, isWhole: ids.size === chosen.length };
}

function summed({ laidOut, leaves, givenUp }: Journal): HeldDelivery {
  const chosen = laidOut.filter((_place, number) => !givenUp.has(number));
  let bytes = 0;
  for (const [number, ofFile] of leaves) {
    const sizeBytes = laidOut[number]?.sizeBytes ?? 0;
    for (const index of ofFile.keys()) bytes += Math.min(BLOCK_BYTES, sizeBytes - index * BLOCK_BYTES);
  }
  return { chosen, bytes, totalBytes: chosen.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}
