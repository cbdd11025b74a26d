import { relative, sep } from 'node:path';
import type { Entry } from '#protocol/entry.ts';
import { visibleText } from '#protocol/local-path.ts';
import type { SavedEntry } from '#transport/sink.ts';

/** What has another name where it was saved, each name once: offered path to path in `folder`, both `/`-separated. */
export function renamedPaths(
  entries: readonly Pick<Entry, 'path'>[],
  saved: readonly SavedEntry[],
  folder: string,
): Map<string, string> {
  const renamed = new Map<string, string>();
  for (const { id, savedAs } of saved) {
    const offered = (entries[id]?.path ?? '').split('/');
    const local = relative(folder, savedAs).split(sep);
    for (const [at, name] of offered.entries()) {
      // What only lost what nobody sees looks the same.
      if (local[at] === visibleText(name)) continue;
      renamed.set(offered.slice(0, at + 1).join('/'), local.slice(0, at + 1).join('/'));
    }
  }
  return renamed;
}
