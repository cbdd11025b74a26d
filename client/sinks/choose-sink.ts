import type { Entry } from '#protocol/entry.ts';
import { ARCHIVE_ENTRY_BYTES, BLOB_SINK_MAX_BYTES, NOTHING_TO_KEEP_BYTES } from '../limits.ts';
import { BlobSink } from './blob-sink.ts';
import type { MemoryShelf } from './memory-shelf.ts';
import { OpfsSink } from './opfs-sink.ts';
import type { PageSink, Save } from './page-sink.ts';

/** What a page has to gather deliveries in. */
export interface PageStorage {
  readonly hasPrivateFiles: boolean;
  readonly shelf: MemoryShelf;
}

/**
 * On disk, where there is one and anything to keep for another run; else in memory, where a small archive finds room.
 * What finds room in neither is told so by the sink for the disk.
 */
export function chooseSink(chosen: Iterable<Entry>, storage: PageStorage, save: Save): PageSink {
  const utf8 = new TextEncoder();
  const maxBytes = storage.hasPrivateFiles ? NOTHING_TO_KEEP_BYTES : BLOB_SINK_MAX_BYTES;
  let archiveBytes = 0;
  for (const entry of chosen) {
    archiveBytes += ARCHIVE_ENTRY_BYTES + 2 * utf8.encode(entry.path).length;
    if (entry.kind === 'file') archiveBytes += entry.sizeBytes;
    if (archiveBytes >= maxBytes) return new OpfsSink(save);
  }
  return new BlobSink(save, storage.shelf);
}
