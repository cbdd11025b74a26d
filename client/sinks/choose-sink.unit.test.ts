import { expect, test } from 'vitest';
import type { Entry } from '#protocol/entry.ts';
import { BLOB_SINK_MAX_BYTES } from '../limits.ts';
import { BlobSink } from './blob-sink.ts';
import { chooseSink } from './choose-sink.ts';
import { OpfsSink } from './opfs-sink.ts';

const file = (path: string, sizeBytes: number): Entry => ({ kind: 'file', path, sizeBytes });

test.each([
  ['nothing but an empty folder', [{ kind: 'folder', path: 'trip' }], BlobSink],
  ['what just fits', [file('a', BLOB_SINK_MAX_BYTES - 1000)], BlobSink],
  ['what just does not', [file('a', BLOB_SINK_MAX_BYTES)], OpfsSink],
  [
    'empty files whose paths alone fill an archive',
    Array.from({ length: 10_000 }, (_, n) => file(`${'\u00e9'.repeat(2000)}${n}`, 0)),
    OpfsSink,
  ],
] satisfies [string, Entry[], unknown][])('%s', (_what, chosen, kind) => {
  expect(chooseSink(chosen, () => () => {})).toBeInstanceOf(kind);
});
