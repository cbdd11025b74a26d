import type { Entry, EntryId } from '#protocol/entry.ts';
import { visibleText } from '#protocol/local-path.ts';
import type { Offer } from '#transport/opened-share.ts';
import { formatCount, formatSize } from '#transport/quantity-text.ts';
import { ask } from './question.ts';

/** What can be picked: a file, or a folder with everything in it. */
interface Item {
  readonly name: string;
  readonly isFolder: boolean;
  readonly ids: EntryId[];
  files: number;
  bytes: number;
}

/** More than a screen of items is summed up. */
const MAX_SHOWN = 30;

/** Shows what is offered and asks; null where nothing is wanted. @throws TransferError `cancelled` */
export async function askWhatToTake(
  offer: Offer,
  target: string,
  signal: AbortSignal,
): Promise<EntryId[] | null> {
  const { folder, items, onTheWay } = listOf(offer.entries);
  const lines = items.slice(0, MAX_SHOWN).map(describe);
  if (items.length > MAX_SHOWN)
    lines.push(`      … and ${formatCount(items.length - MAX_SHOWN, 'more item')}`);
  const total = `${formatCount(offer.files, 'file')}, ${formatSize(offer.totalBytes)}`;
  process.stderr.write(`Offered: ${folder && `${visibleText(folder)}, `}${total}\n${lines.join('\n')}\n`);
  const some = items.length > 1 ? ', numbers such as 1,3-5 for some' : '';
  const question = `Save to ${visibleText(target)}? [Enter for all${some}, n for nothing] `;
  for (;;) {
    const answer = await ask(question, signal);
    const choice = answer === null ? 'nothing' : parseAnswer(answer, items.length);
    if (choice === 'all') return offer.entries.map((_, id) => id);
    if (choice === 'nothing') {
      process.stderr.write('Nothing was saved. The sender is told.\n');
      return null;
    }
    // With the folders on the way, so that these keep their times.
    if (choice) return [...onTheWay, ...choice.flatMap((index) => items[index]?.ids ?? [])];
    process.stderr.write('Press Enter, or type n, or numbers from the list.\n');
  }
}

/**
 * What an answer picks from a list of `count` items: all, nothing, or items by index, in order and none twice.
 * Undefined for an answer that means nothing.
 */
export function parseAnswer(answer: string, count: number): 'all' | 'nothing' | number[] | undefined {
  const text = answer.trim().toLowerCase();
  if (['', 'y', 'yes', 'all'].includes(text)) return 'all';
  if (['n', 'no', 'q'].includes(text)) return 'nothing';
  const chosen = new Set<number>();
  for (const part of text.split(/[\s,]+/)) {
    const match = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || first < 1 || last > count || first > last) return undefined;
    for (let number = first; number <= last; number += 1) chosen.add(number - 1);
  }
  return [...chosen].sort((a, b) => a - b);
}

/** The folder in which everything lies, with a slash at its end, or nothing: who is sent one folder picks from it. */
export function commonFolder(entries: readonly Pick<Entry, 'path'>[]): string {
  const paths = entries.map(({ path }) => path.split('/'));
  // Nothing lies in the deepest of them, so the folder is one on the way to it.
  const deepest = paths.reduce((a, b) => (b.length > a.length ? b : a), []);
  let folder = deepest.slice(0, -1);
  for (const path of paths) {
    const differsAt = path.findIndex((name, index) => name !== folder[index]);
    if (differsAt >= 0) folder = folder.slice(0, differsAt);
  }
  return folder.map((name) => `${name}/`).join('');
}

function listOf(entries: readonly Entry[]): { folder: string; items: Item[]; onTheWay: EntryId[] } {
  const folder = commonFolder(entries);
  const items = new Map<string, Item>();
  const onTheWay: EntryId[] = [];
  entries.forEach((entry, id) => {
    if (entry.path.length < folder.length) {
      onTheWay.push(id);
      return;
    }
    const [name = '', ...rest] = entry.path.slice(folder.length).split('/');
    const isFolder = rest.length > 0 || entry.kind === 'folder';
    const item = items.get(name) ?? { name, isFolder, ids: [], files: 0, bytes: 0 };
    items.set(name, item);
    item.ids.push(id);
    if (entry.kind !== 'file') return;
    item.files += 1;
    item.bytes += entry.sizeBytes;
  });
  return { folder, items: [...items.values()], onTheWay };
}

function describe({ name, isFolder, files, bytes }: Item, index: number): string {
  const number = String(index + 1).padStart(4);
  const details = isFolder ? `${formatCount(files, 'file')}, ${formatSize(bytes)}` : formatSize(bytes);
  return `${number}  ${visibleText(name)}${isFolder ? '/' : ''}  (${details})`;
}
