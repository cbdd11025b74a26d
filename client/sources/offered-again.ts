import type { Entry } from '#protocol/entry.ts';

/** How what is offered now differs from what was offered before the page was reloaded, by path. */
export interface Differences {
  readonly changed: readonly string[];
  readonly missing: readonly string[];
}

/** Null where nothing is the same by name: that is another share. */
export function differences(before: readonly Entry[], now: readonly Entry[]): Differences | null {
  const offered = new Map(now.map((entry) => [entry.path, entry]));
  const [changed, missing]: [string[], string[]] = [[], []];
  for (const entry of before) {
    const again = offered.get(entry.path);
    if (again?.kind !== entry.kind) missing.push(entry.path);
    else if (!isSame(entry, again)) changed.push(entry.path);
  }
  return missing.length === before.length ? null : { changed, missing };
}

function isSame(before: Entry, now: Entry): boolean {
  if (before.kind === 'folder' || now.kind === 'folder') return before.kind === now.kind;
  return before.sizeBytes === now.sizeBytes && before.modifiedMs === now.modifiedMs;
}
