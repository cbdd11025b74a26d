import { expect, test } from 'vitest';
import type { Entry } from '#protocol/entry.ts';
import { BLOB_SINK_MAX_BYTES, NOTHING_TO_KEEP_BYTES } from '../limits.ts';
import { BlobSink } from './blob-sink.ts';
import { chooseSink } from './choose-sink.ts';
import { OpfsSink } from './opfs-sink.ts';

const file = (path: string, sizeBytes: number): Entry => ({ kind: 'file', path, sizeBytes });

test.each([
  ['nothing but an empty folder', true, [{ kind: 'folder', path: 'trip' }], BlobSink],
  ['less than a block', true, [file('a', NOTHING_TO_KEEP_BYTES - 1000)], BlobSink],
  ['a block', true, [file('a', NOTHING_TO_KEEP_BYTES)], OpfsSink],
  ['what just fits in memory, without a disk', false, [file('a', BLOB_SINK_MAX_BYTES - 1000)], BlobSink],
  ['what just does not', false, [file('a', BLOB_SINK_MAX_BYTES)], OpfsSink],
  [
    'empty files whose paths alone fill an archive',
    false,
    Array.from({ length: 10_000 }, (_, n) => file(`${'\u00e9'.repeat(2000)}${n}`, 0)),
    OpfsSink,
  ],
] satisfies [string, boolean, Entry[], unknown][])('%s', (_what, hasPrivateFiles, chosen, kind) => {
  expect(chooseSink(chosen, { hasPrivateFiles, shelf: new Map() }, () => () => {})).toBeInstanceOf(kind);
});
