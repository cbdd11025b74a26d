import { relative, sep } from 'node:path';
import type { Entry } from '#protocol/entry.ts';
import type { SavedEntry } from '#transport/sink.ts';

/** What stands at the top of a share and has another name where it was saved: offered name to name in `folder`. */
export function renamedTops(
  entries: readonly Pick<Entry, 'path'>[],
  saved: readonly SavedEntry[],
  folder: string,
): Map<string, string> {
  const tops = new Map<string, string>();
  for (const { id, savedAs } of saved) {
    const [offered = ''] = (entries[id]?.path ?? '').split('/');
    const [local = ''] = relative(folder, savedAs).split(sep);
    if (local !== offered) tops.set(offered, local);
  }
  return tops;
}
