import { TransferError } from '#protocol/errors.ts';
import { MAX_ENTRIES } from '#protocol/limits.ts';
import { numbered } from '#protocol/local-path.ts';

/** A file, or a folder (`file` is null), as a person picked, dropped or pasted it. Parents come before children. */
export interface Gathered {
  readonly path: string;
  readonly file: File | null;
}

/** Something picked that cannot be offered, and why. */
export interface Skipped {
  readonly path: string;
  readonly why: 'name' | 'unreadable';
}

/** Collects what a person offers, while folders are still being read. */
export class Gathering {
  readonly gathered: Gathered[] = [];
  readonly skipped: Skipped[] = [];
  readonly #tops = new Set<string>();
  readonly #onCount: (count: number) => void;

  /** @param onCount called with the number of entries found so far */
  constructor(onCount: (count: number) => void) {
    this.#onCount = onCount;
  }

  /** @throws TransferError `manifest-too-large` as soon as it is clear */
  add(path: string, file: File | null): void {
    if (this.gathered.length >= MAX_ENTRIES) throw new TransferError('manifest-too-large');
    this.gathered.push({ path, file });
    this.#onCount(this.gathered.length);
  }

  skip(path: string): void {
    this.skipped.push({ path, why: 'unreadable' });
  }

  /** A name for something at the top: two things picked from different folders may be called alike. */
  topName(name: string, kind: 'file' | 'folder'): string {
    let free = name;
    for (let n = 2; this.#tops.has(free); n += 1) free = numbered(name, n, kind);
    this.#tops.add(free);
    return free;
  }
}
