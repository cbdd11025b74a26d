import type { Entry, EntryId } from '#protocol/entry.ts';
import { ProtocolViolation, TransferError } from '#protocol/errors.ts';
import { PathTree } from '#protocol/path.ts';
import type { FileSource } from '#transport/file-source.ts';
import { READ_IN_ONE_GO_BYTES } from '../limits.ts';
import type { Gathered, Gathering, Skipped } from './gathering.ts';

/** Reads the files that a person picked, dropped or pasted. They stay where they are; nothing is copied. */
export class BrowserFileSource implements FileSource {
  readonly entries: readonly Entry[];
  readonly #files: readonly (File | null)[];
  /** Entries that could be read once: if they cannot be any more, they have changed. */
  readonly #read = new Set<EntryId>();

  /** @param offered with paths that passed `checkPath`, no two the same */
  constructor(offered: readonly Gathered[]) {
    this.entries = offered.map(({ path, file }) =>
      file === null
        ? { kind: 'folder', path }
        : { kind: 'file', path, sizeBytes: file.size, modifiedMs: file.lastModified },
    );
    this.#files = offered.map(({ file }) => file);
  }

  async read(entry: EntryId, offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const file = this.#file(entry);
    let bytes: Uint8Array<ArrayBuffer>;
    // A slice is one more object that the browser keeps books on, which takes longer than to read a small file.
    const part = offset === 0 && lengthBytes === file.size ? file : file.slice(offset, offset + lengthBytes);
    try {
      bytes = new Uint8Array(await part.arrayBuffer());
    } catch (cause) {
      throw this.#failure(entry, cause);
    }
    if (bytes.length !== lengthBytes) throw new TransferError('source-changed', `${file.name} is shorter`);
    this.#read.add(entry);
    return bytes;
  }

  /**
   * Browsers that keep to the file as it was picked refuse any read of one that has changed. A small file has been read in
   * one go, all of it as it was offered: what has become of it since matters no more.
   */
  async confirmUnchanged(entry: EntryId): Promise<null> {
    const { size } = this.#file(entry);
    if (size > READ_IN_ONE_GO_BYTES) await this.read(entry, size - 1, 1);
    return null;
  }

  async close(): Promise<void> {}

  #file(entry: EntryId): File {
    const file = this.#files[entry];
    if (file == null) throw new TransferError('internal', `entry ${entry} is no file`);
    return file;
  }

  /** A `NotReadableError` may mean a changed file as well as one that may not be opened. */
  #failure(entry: EntryId, cause: unknown): TransferError {
    const changed =
      cause instanceof DOMException && cause.name === 'NotReadableError' && this.#read.has(entry);
    return new TransferError(changed ? 'source-changed' : 'source-unreadable', String(cause), { cause });
  }
}

/** Makes a source of what was gathered; entries whose names cannot travel are left out and said to be. */
export function offerGathered({ gathered, skipped }: Gathering): {
  source: BrowserFileSource;
  skipped: readonly Skipped[];
} {
  const tree = new PathTree();
  const offered: Gathered[] = [];
  const left: Skipped[] = [...skipped];
  for (const candidate of gathered) {
    if (travels(tree, candidate)) offered.push(candidate);
    else left.push({ path: candidate.path, why: 'name' });
  }
  return { source: new BrowserFileSource(offered), skipped: left };
}

function travels(tree: PathTree, { path, file }: Gathered): boolean {
  try {
    tree.add({ kind: file === null ? 'folder' : 'file', path });
    return true;
  } catch (error) {
    if (error instanceof ProtocolViolation) return false;
    throw error;
  }
}
