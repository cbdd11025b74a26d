import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { sinkContract } from '#transport/sink.contract.ts';
import { namesOf } from '#transport/testing/delivery-names.ts';
import { EXPORT_GRACE_MS, HELD_MS } from '../limits.ts';
import { contents } from '../zip/download-contents.testing.ts';
import { BlobSink } from './blob-sink.ts';
import type { MemoryShelf } from './memory-shelf.ts';
import { OpfsSink } from './opfs-sink.ts';
import type { Download, PageSink, Save } from './page-sink.ts';
import { removeLeftovers, TransferPlace } from './transfer-place.ts';

/** The sinks keep leaves and roots and judge nothing by them. */
const LEAF = new Uint8Array(32);

const FAR_FUTURE_MS = Date.now() + 10 * HELD_MS;
const opened: PageSink[] = [];
let shelf: MemoryShelf = new Map();
const newBlobSink = (save: Save): PageSink => new BlobSink(save, shelf);
const keep: Save = () => () => {};
const keptIn =
  (saved: Download[]): Save =>
  (download) => {
    saved.push(download);
    return () => {};
  };

afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.forget();
  shelf = new Map();
});

function watched<Kind extends PageSink>(sink: Kind): Kind {
  opened.push(sink);
  return sink;
}

/** Two downloads of one name are told apart by the browser alone: there is no place here where both could be seen. */
const PROMISES = sinkContract.filter(
  ({ name }) => name !== 'saving the same again leaves what was saved before',
);

const KINDS: Record<string, (save: Save) => PageSink> = {
  'the sink in memory': newBlobSink,
  'the sink in the private file system': (save) => new OpfsSink(save),
};

describe.each(Object.entries(KINDS))('%s', (_name, make) => {
  test.each(PROMISES)('$name', async ({ run }) => {
    let sink: PageSink | undefined;
    await run({
      create: async () => {
        sink = watched(make(keep));
        return sink;
      },
      saved: () => contents(sink?.download),
    });
  });

  test('hands over one file as it is, and more than one as an archive named after their folder', async () => {
    const saved: Download[] = [];
    const one = watched(make(keptIn(saved)));
    const entry = { kind: 'file', path: 'trip/a.html', sizeBytes: 2 } as const;
    await one.open([{ id: 5, entry }], namesOf('share'));
    await one.write(5, 0, Uint8Array.of(1, 2), LEAF);
    await one.commit(5, LEAF);
    await one.finish();
    await one.release();
    const two = watched(make(keptIn(saved)));
    await two.open(
      [
        { id: 4, entry: { kind: 'folder', path: 'trip' } },
        { id: 5, entry },
      ],
      namesOf('share'),
    );
    await two.write(5, 0, Uint8Array.of(1, 2), LEAF);
    await two.commit(5, LEAF);
    await two.finish();
    expect(saved.map(({ fileName, content }) => [fileName, content.type])).toEqual([
      ['a.html', 'application/octet-stream'],
      ['trip.zip', 'application/zip'],
    ]);
  });

  test('has nothing to hand over where no file arrived', async () => {
    const sink = watched(make(() => expect.unreachable()));
    await sink.open(
      [
        { id: 0, entry: { kind: 'folder', path: 'trip' } },
        { id: 1, entry: { kind: 'file', path: 'trip/a', sizeBytes: 2 } },
      ],
      namesOf('share'),
    );
    await sink.discard(1);
    expect(await sink.finish()).toHaveLength(1);
    expect(sink.download).toBeNull();
  });
});

describe('the private file system', () => {
  const big = { id: 0, entry: { kind: 'file', path: 'big', sizeBytes: 200_000_000 } } as const;
  const small = { id: 0, entry: { kind: 'file', path: 'small', sizeBytes: 1 } } as const;

  async function rootFolder(): Promise<FileSystemDirectoryHandle> {
    return (await navigator.storage.getDirectory()).getDirectoryHandle('sallyport', { create: true });
  }

  // What the tests above handed over stays as long as their page.
  beforeEach(async () => {
    const root = await rootFolder();
    for (const id of await places()) await root.removeEntry(id, { recursive: true });
  });

  async function places(): Promise<string[]> {
    const ids: string[] = [];
    for await (const id of (await rootFolder()).keys()) ids.push(id);
    return ids;
  }

  test('a full disk is known before the first byte', async () => {
    const sink = watched(new OpfsSink(keep));
    const petabyte = { id: 0, entry: { kind: 'file', path: 'big', sizeBytes: 2 ** 50 } } as const;
    await expect(sink.open([petabyte], namesOf('share'))).rejects.toMatchObject({ code: 'disk-full' });
    await sink.abort();
    expect(await places()).toEqual([]);
  });

  test('what is forgotten is removed at once, what is being written is nobody else’s to remove', async () => {
    const sink = watched(new OpfsSink(keep));
    await sink.open([big], namesOf('share'));
    expect(await places()).toHaveLength(1);
    await removeLeftovers(FAR_FUTURE_MS);
    expect(await places()).toHaveLength(1);
    await sink.write(0, 0, new Uint8Array(10), LEAF);
    await sink.forget();
    expect(await places()).toEqual([]);
  });

  test('of what was left before anything was written nothing stays', async () => {
    const sink = watched(new OpfsSink(keep));
    await sink.open([big], namesOf('share'));
    await sink.release();
    expect(await places()).toEqual([]);
  });

  test('giving up while blocks are under way leaves nothing', async () => {
    const sink = watched(new OpfsSink(keep));
    await sink.open([big], namesOf('share'));
    const writes = Array.from({ length: 16 }, (_, at) =>
      sink.write(0, at * BLOCK_BYTES, new Uint8Array(BLOCK_BYTES), LEAF),
    );
    const settled = Promise.allSettled(writes);
    await Promise.all([sink.abort(), sink.forget()]);
    await settled;
    expect(await places()).toEqual([]);
  });

  test('giving up while the archive is closed leaves nothing, and breaks nothing', async () => {
    const sink = watched(new OpfsSink(() => expect.unreachable()));
    await sink.open([small], namesOf('share'));
    await sink.write(0, 0, Uint8Array.of(7), LEAF);
    await sink.commit(0, LEAF);
    const [saved] = await Promise.all([sink.finish(), sink.forget()]);
    expect(saved).toEqual([]);
    expect(await places()).toEqual([]);
  });

  test('leaving while the archive is closed leaves it to another run', async () => {
    const sink = watched(new OpfsSink(() => expect.unreachable()));
    await sink.open([small], namesOf('left'));
    await sink.write(0, 0, Uint8Array.of(7), LEAF);
    await sink.commit(0, LEAF);
    await Promise.all([sink.finish(), sink.release()]);
    const again = watched(new OpfsSink(keep));
    expect(await again.open([small], namesOf('left'))).toHaveLength(1);
    expect(await again.read(0, 0, 1)).toEqual(Uint8Array.of(7));
  });

  test('what cannot be marked as handed over is handed over all the same', async () => {
    const saved: Download[] = [];
    const sink = watched(new OpfsSink(keptIn(saved)));
    await sink.open([small], namesOf('share'));
    await sink.write(0, 0, Uint8Array.of(7), LEAF);
    await sink.commit(0, LEAF);
    const full = new DOMException('full', 'QuotaExceededError');
    const mark = vi.spyOn(TransferPlace.prototype, 'markExported').mockRejectedValue(full);
    await sink.finish().finally(() => mark.mockRestore());
    expect(saved).toHaveLength(1);
  });

  test('a leftover goes; one that was handed over stays while the browser may be copying it', async () => {
    const root = await rootFolder();
    await root.getDirectoryHandle('crashed', { create: true });
    const exported = await root.getDirectoryHandle('copying', { create: true });
    await exported.getFileHandle('exported', { create: true });
    await removeLeftovers(Date.now());
    expect(await places()).toEqual(['copying']);
    await removeLeftovers(Date.now(), 0);
    expect(await places()).toEqual(['copying']);
    await removeLeftovers(FAR_FUTURE_MS);
    expect(await places()).toEqual([]);
  });

  test('one leftover that cannot be removed keeps no other', async () => {
    const root = await rootFolder();
    await root.getFileHandle('a file where none belongs', { create: true });
    await root.getDirectoryHandle('crashed', { create: true });
    await removeLeftovers(FAR_FUTURE_MS);
    expect(await places()).toEqual(['a file where none belongs']);
  });

  test('what was handed over is not pulled away before the browser had its time, and then freed', async () => {
    const letGo = vi.fn();
    const sink = new OpfsSink(() => letGo);
    await sink.open([small], namesOf('exported'));
    await sink.write(0, 0, Uint8Array.of(7), LEAF);
    await sink.commit(0, LEAF);
    await sink.finish();
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      await sink.release();
      expect((await contents(sink.download)).get('small')).toEqual(Uint8Array.of(7));
      expect(letGo).not.toHaveBeenCalled();
      vi.advanceTimersByTime(EXPORT_GRACE_MS);
    } finally {
      vi.useRealTimers();
    }
    expect(letGo).toHaveBeenCalledOnce();
    await expect.poll(places).toEqual([]);
  });
});
