/** An entry's number within its share: its index in the manifest, never reused. */
export type EntryId = number;

/** One file or empty-or-not folder that a share offers. Paths are relative, `/`-separated, checked by `path.ts`. */
export type Entry = FileEntry | FolderEntry;

export interface FileEntry {
  readonly kind: 'file';
  readonly path: string;
  readonly sizeBytes: number;
  /** Modification time, milliseconds since 1970 UTC, where the source knows it. */
  readonly modifiedMs?: number;
  /** The owner's executable bit, where the source knows it and it is set. */
  readonly executable?: true;
}

/** A folder: listed so that empty folders arrive and modification times can be kept. */
export interface FolderEntry {
  readonly kind: 'folder';
  readonly path: string;
  readonly modifiedMs?: number;
}
