import type { EntryId } from '#protocol/entry.ts';
import type { Container, ContainerItem, RandomAccessFile } from './container.ts';

/** A container of one file: the file itself. */
export class PlainFile implements Container {
  readonly #file: RandomAccessFile;
  readonly #item: ContainerItem;
  #committed = false;

  constructor(file: RandomAccessFile, item: ContainerItem) {
    this.#file = file;
    this.#item = item;
    file.truncate(item.sizeBytes);
  }

  read(_entry: EntryId, offset: number, lengthBytes: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(lengthBytes);
    this.#file.read(bytes, offset);
    return bytes;
  }

  write(_entry: EntryId, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#file.write(bytes, offset);
  }

  commit(): void {
    this.#committed = true;
  }

  discard(): void {
    this.#committed = false;
  }

  finish(): readonly EntryId[] {
    if (this.#committed) return [this.#item.id];
    this.#file.truncate(0);
    return [];
  }
}
