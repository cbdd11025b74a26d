import type { Entry } from '#protocol/entry.ts';
import { ARCHIVE_ENTRY_BYTES, BLOB_SINK_MAX_BYTES } from '../limits.ts';
import { BlobSink } from './blob-sink.ts';
import { OpfsSink } from './opfs-sink.ts';
import type { PageSink, Save } from './page-sink.ts';

/** Deliveries that make a small archive, long paths counted, are gathered in memory, all others on disk. */
export function chooseSink(chosen: Iterable<Entry>, save: Save): PageSink {
  const utf8 = new TextEncoder();
  let archiveBytes = 0;
  for (const entry of chosen) {
    archiveBytes += ARCHIVE_ENTRY_BYTES + 2 * utf8.encode(entry.path).length;
    if (entry.kind === 'file') archiveBytes += entry.sizeBytes;
    if (archiveBytes >= BLOB_SINK_MAX_BYTES) return new OpfsSink(save);
  }
  return new BlobSink(save);
}
