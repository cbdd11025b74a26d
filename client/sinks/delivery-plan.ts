import type { EntryId } from '#protocol/entry.ts';
import { LocalPaths, localName } from '#protocol/local-path.ts';
import type { ChosenEntry, SavedEntry } from '#transport/sink.ts';
import type { ContainerItem } from './container.ts';

/** Nobody tells a page where its downloads go: names must be safe, and differ, on every system. */
const RULES = { windows: true, caseSensitive: false };

/** What a delivery's one file is called, what lies in it, and under which names. */
export class DeliveryPlan {
  readonly fileName: string;
  /** Never the sent file's own type: a Blob URL that a browser can show would run with this page's rights. */
  readonly mediaType: 'application/octet-stream' | 'application/zip';
  readonly items: readonly ContainerItem[];
  /** A single file is handed over as it is; everything else as an archive. */
  readonly isArchive: boolean;

  /** @param nowMs stands in for modification times that the sender did not know, and names the archive */
  constructor(chosen: readonly ChosenEntry[], nowMs: number) {
    const paths = new LocalPaths(RULES);
    const items = chosen.map(({ id, entry }): ContainerItem => {
      return {
        id,
        kind: entry.kind,
        path: paths.add(entry),
        sizeBytes: entry.kind === 'file' ? entry.sizeBytes : 0,
        modifiedMs: entry.modifiedMs ?? nowMs,
        executable: entry.kind === 'file' && entry.executable === true,
      };
    });
    this.items = items;
    const [only, another] = items;
    this.isArchive = only?.kind !== 'file' || another !== undefined;
    this.mediaType = this.isArchive ? 'application/zip' : 'application/octet-stream';
    this.fileName = this.isArchive
      ? localName(archiveName(items, nowMs), 'file', RULES)
      : (only?.path ?? '').slice((only?.path.lastIndexOf('/') ?? 0) + 1);
  }

  /** For people: a file's name in the downloads, or its path within the archive. */
  saved(held: readonly EntryId[]): readonly SavedEntry[] {
    const ids = new Set(held);
    const places = this.items.filter(({ id }) => ids.has(id));
    return places.map(({ id, path }) => ({ id, savedAs: this.isArchive ? path : this.fileName }));
  }

  /** Folders alone are, if nothing but folders was chosen. */
  isWorthSaving(held: readonly EntryId[]): boolean {
    const ids = new Set(held);
    const files = this.items.filter(({ kind }) => kind === 'file');
    return files.length === 0 || files.some(({ id }) => ids.has(id));
  }
}

/** After the folder that everything lies in, if there is one; else after the day. */
function archiveName(items: readonly ContainerItem[], nowMs: number): string {
  const tops = new Set(items.map(({ path }) => path.split('/', 1)[0] as string));
  const [top] = tops;
  const isFolder = items.some(({ kind, path }) => kind === 'folder' || path.includes('/'));
  if (top !== undefined && tops.size === 1 && isFolder) return `${top}.zip`;
  const now = new Date(nowMs);
  const twoDigits = (value: number): string => `${value}`.padStart(2, '0');
  return `sallyport-${now.getFullYear()}-${twoDigits(now.getMonth() + 1)}-${twoDigits(now.getDate())}.zip`;
}
