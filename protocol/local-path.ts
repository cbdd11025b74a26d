import type { Entry } from './entry.ts';
import { MAX_NAME_BYTES } from './limits.ts';

/** What names can be where entries are saved. */
export interface LocalRules {
  /** Names that Windows reserves or cannot hold are changed. */
  readonly windows: boolean;
  /** Whether names that differ only in case or Unicode normal form are two names (Linux) or one (Windows, macOS). */
  readonly caseSensitive: boolean;
}

/**
 * What is not seen, or moves what is seen beside it: controls, bidirectional marks, zero-width and other ignorable
 * characters, line separators, lone surrogates. Joiners and variation selectors stay: Persian, Indic scripts and
 * emoji are written with them, and they move nothing.
 */
const INVISIBLE =
  /(?![\p{Join_Control}\p{Variation_Selector}])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

/** @see https://learn.microsoft.com/windows/win32/fileio/naming-a-file */
const WINDOWS_FORBIDDEN = /[<>:"|?*\\]/g;
const WINDOWS_RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[1-9¹²³]) *(?:\.|$)/i;
const WINDOWS_TRAILING = /[. ]+$/;

/** A name's ending that says what it is: `.txt`, `.tar.gz`; not `.bashrc`, not that of `Vol. 2`. */
const EXTENSION = /(?<=.)(?:\.tar)?\.[^.\s]{1,16}$/su;

/** Room for a number behind a name, whatever its digits: names cut for one number are cut alike for all. */
const NUMBER_BYTES = ' (1000000)'.length;

/**
 * A peer's text for a screen: everything invisible or misleading becomes `_`.
 * Names on a terminal or a page pass through here before they are shown.
 */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, '_');
}

/**
 * One name, safe to create in any folder under these rules: never empty, relative or a path, at most
 * `MAX_NAME_BYTES`. What is safe already stays as it is.
 */
export function localName(name: string, kind: Entry['kind'], rules: LocalRules): string {
  let local = visibleText(name).replaceAll('/', '_');
  if (local === '' || local === '.' || local === '..') local = `_${local}`;
  if (rules.windows) {
    local = local.replace(WINDOWS_FORBIDDEN, '_');
    if (WINDOWS_RESERVED.test(local)) local = `_${local}`;
  }
  local = shorten(local, kind, MAX_NAME_BYTES, '');
  return rules.windows ? local.replace(WINDOWS_TRAILING, (run) => '_'.repeat(run.length)) : local;
}

/** `name (2).ext`: what a safe name becomes where it is taken. Stays within `MAX_NAME_BYTES`. */
export function numbered(name: string, n: number, kind: Entry['kind']): string {
  return shorten(name, kind, MAX_NAME_BYTES - NUMBER_BYTES, ` (${n})`);
}

/**
 * Where the entries of one share are saved: each path's names made safe, and made to differ where the target
 * could not tell them apart. The same entries in the same order always give the same paths.
 */
export class LocalPaths {
  readonly #rules: LocalRules;
  /** `<id of parent>/<offered name>` to the folder that stands for it here. */
  readonly #folders = new Map<string, LocalFolder>();
  /** `<id of folder>/<name as the target compares it>`. */
  readonly #taken = new Set<string>();
  /** The next number to try for names that became alike; without it a million of them would take hours. */
  readonly #nextNumber = new Map<string, number>();

  /** @param existing names in the folder that the share is saved in, which stay as they are */
  constructor(rules: LocalRules, existing: Iterable<string> = []) {
    this.#rules = rules;
    for (const name of existing) this.#take(TOP, name);
  }

  /** The path, `/`-separated, at which to save an entry whose offered path passed `checkPath`. Once per entry. */
  add({ kind, path }: Pick<Entry, 'kind' | 'path'>): string {
    const segments = path.split('/');
    const last = segments.pop() as string;
    const parent = segments.reduce((folder, segment) => this.#folder(folder, segment), TOP);
    return kind === 'folder'
      ? this.#folder(parent, last).path
      : below(parent, this.#claim(parent, last, kind));
  }

  #folder(parent: LocalFolder, offered: string): LocalFolder {
    const key = `${parent.id}/${offered}`;
    let folder = this.#folders.get(key);
    if (folder === undefined) {
      folder = { id: this.#folders.size + 1, path: below(parent, this.#claim(parent, offered, 'folder')) };
      this.#folders.set(key, folder);
    }
    return folder;
  }

  /** Finds a safe name that nothing else in the folder has, and takes it. */
  #claim(folder: LocalFolder, offered: string, kind: Entry['kind']): string {
    const name = localName(offered, kind, this.#rules);
    if (this.#take(folder, name)) return name;
    const series = this.#comparable(folder, numbered(name, 0, kind));
    for (let n = this.#nextNumber.get(series) ?? 2; ; n++) {
      const candidate = numbered(name, n, kind);
      if (!this.#take(folder, candidate)) continue;
      this.#nextNumber.set(series, n + 1);
      return candidate;
    }
  }

  #take(folder: LocalFolder, name: string): boolean {
    const key = this.#comparable(folder, name);
    if (this.#taken.has(key)) return false;
    this.#taken.add(key);
    return true;
  }

  /** Equal for two names whenever a target without case could take them for one; being too careful costs a number. */
  #comparable(folder: LocalFolder, name: string): string {
    if (this.#rules.caseSensitive) return `${folder.id}/${name}`;
    const folded = name.normalize('NFD').toLowerCase().toUpperCase().normalize('NFC');
    return `${folder.id}/${folded.replace(/\p{Default_Ignorable_Code_Point}/gu, '')}`;
  }
}

interface LocalFolder {
  readonly id: number;
  readonly path: string;
}

const TOP: LocalFolder = { id: 0, path: '' };

function below(folder: LocalFolder, name: string): string {
  return folder === TOP ? name : `${folder.path}/${name}`;
}

/** Cuts a name's stem so that it and its extension fit, and puts `ending` between them. */
function shorten(name: string, kind: Entry['kind'], maxBytes: number, ending: string): string {
  const extension = kind === 'file' ? (EXTENSION.exec(name)?.[0] ?? '') : '';
  const stem = name.slice(0, name.length - extension.length);
  return `${cut(stem, maxBytes - utf8Length(extension))}${ending}${extension}`;
}

function cut(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, end));
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
