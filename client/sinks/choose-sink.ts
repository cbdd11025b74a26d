import { ARCHIVE_ENTRY_BYTES, BLOB_SINK_MAX_BYTES } from '../limits.ts';
import { BlobSink } from './blob-sink.ts';
import { OpfsSink } from './opfs-sink.ts';
import type { PageSink, Save } from './page-sink.ts';

/** Small deliveries are gathered in memory, all others on disk. */
export function chooseSink(entries: number, totalBytes: number, save: Save): PageSink {
  const containerBytes = totalBytes + entries * ARCHIVE_ENTRY_BYTES;
  return containerBytes < BLOB_SINK_MAX_BYTES ? new BlobSink(save) : new OpfsSink(save);
}
