import { createInterface } from 'node:readline/promises';
import type { EntryId } from '#protocol/entry.ts';
import { TransferError } from '#protocol/errors.ts';
import { visibleText } from '#protocol/local-path.ts';
import type { Offer } from '#transport/receiving.ts';
import { formatBytes, formatCount } from './terminal-text.ts';

/** What stands at the top of an offer: a file, or a folder with everything in it. */
interface Item {
  readonly name: string;
  readonly isFolder: boolean;
  readonly ids: EntryId[];
  files: number;
  bytes: number;
}

/** More than a screen of items is summed up. */
const MAX_SHOWN = 30;

/** Shows what is offered and asks; null where nothing is wanted. */
export async function askWhatToTake(
  offer: Offer,
  folder: string,
  signal: AbortSignal,
): Promise<EntryId[] | null> {
  const items = topLevel(offer);
  const lines = items.slice(0, MAX_SHOWN).map(describe);
  if (items.length > MAX_SHOWN)
    lines.push(`      … and ${formatCount(items.length - MAX_SHOWN, 'more item')}`);
  const total = `${formatCount(offer.files, 'file')}, ${formatBytes(offer.totalBytes)}`;
  process.stderr.write(`Offered: ${total}\n${lines.join('\n')}\n`);
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    for (;;) {
      const pick = items.length > 1 ? ', numbers such as 1,3-5 for some' : '';
      const answer = await prompt.question(
        `Save to ${visibleText(folder)}? [Enter for all${pick}, n for nothing] `,
        { signal },
      );
      const chosen = parseAnswer(answer, items);
      if (chosen !== undefined) return chosen;
      process.stderr.write('Press Enter, or type n, or numbers from the list.\n');
    }
  } catch (cause) {
    throw new TransferError('cancelled', 'cancelled', { cause });
  } finally {
    prompt.close();
  }
}

/** Undefined for an answer that means nothing. */
export function parseAnswer(
  answer: string,
  items: readonly Pick<Item, 'ids'>[],
): EntryId[] | null | undefined {
  const text = answer.trim().toLowerCase();
  if (['', 'y', 'yes', 'all'].includes(text)) return items.flatMap(({ ids }) => ids);
  if (['n', 'no', 'q'].includes(text)) return null;
  const chosen = new Set<number>();
  for (const part of text.split(/[\s,]+/)) {
    const match = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || first < 1 || last > items.length || first > last) return undefined;
    for (let number = first; number <= last; number += 1) chosen.add(number - 1);
  }
  return [...chosen].sort((a, b) => a - b).flatMap((index) => items[index]?.ids ?? []);
}

function topLevel(offer: Offer): Item[] {
  const items = new Map<string, Item>();
  offer.entries.forEach((entry, id) => {
    const [name = '', ...rest] = entry.path.split('/');
    const isFolder = rest.length > 0 || entry.kind === 'folder';
    const item = items.get(name) ?? { name, isFolder, ids: [], files: 0, bytes: 0 };
    items.set(name, item);
    item.ids.push(id);
    if (entry.kind !== 'file') return;
    item.files += 1;
    item.bytes += entry.sizeBytes;
  });
  return [...items.values()];
}

function describe({ name, isFolder, files, bytes }: Item, index: number): string {
  const number = String(index + 1).padStart(4);
  const details = isFolder ? `${formatCount(files, 'file')}, ${formatBytes(bytes)}` : formatBytes(bytes);
  return `${number}  ${visibleText(name)}${isFolder ? '/' : ''}  (${details})`;
}
