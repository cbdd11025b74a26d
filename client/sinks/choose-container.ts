import type { Container, ContainerItem, RandomAccessFile } from './container.ts';
import { PlainFile } from './plain-file.ts';
import { StoredZip } from './stored-zip.ts';

/** Whether a single file is delivered as it is; everything else becomes an archive. */
export function isPlain(items: readonly Pick<ContainerItem, 'kind'>[]): boolean {
  return items.length === 1 && items[0]?.kind === 'file';
}

/** Reserves the whole length in `file` at once; what an earlier run with the same items wrote into it stays. */
export function createContainer(file: RandomAccessFile, items: readonly ContainerItem[]): Container {
  const [first] = items;
  return first !== undefined && isPlain(items) ? new PlainFile(file, first) : new StoredZip(file, items);
}
