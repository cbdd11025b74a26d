import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { EntryId } from '#protocol/entry.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import type { Sink } from '#transport/sink.ts';
import { resumeContract } from '#transport/sink-resume.contract.ts';
import { namesOf } from '#transport/testing/delivery-names.ts';
import { crc32 } from '../zip/crc32.ts';
import { contents } from '../zip/download-contents.testing.ts';
import { BlobSink } from './blob-sink.ts';
import { heldDeliveryId } from './held-delivery.ts';
import type { MemoryShelf } from './memory-shelf.ts';
import { OPEN_ELSEWHERE } from './open-elsewhere.ts';
import { OpfsSink } from './opfs-sink.ts';
import { OpfsWriter } from './opfs-writer.ts';
import type { Download, PageSink } from './page-sink.ts';
import { filesOf, findJournal, removeLeftovers, TransferPlace } from './transfer-place.ts';

const SHARE = namesOf('AAAAAAAAAAAAAAAAAAAAAA');
const DAY_MS = 24 * 60 * 60 * 1000;

interface Sample {
  readonly id: EntryId;
  readonly entry: { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number };
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function sample(id: EntryId, path: string, sizeBytes: number): Sample {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, at) => (at * 31 + (at >> 8) + path.length) % 251);
  return { id, entry: { kind: 'file', path, sizeBytes }, bytes };
}

const A = sample(3, 'trip/a', 2 * BLOCK_BYTES + 5);
const B = sample(4, 'trip/b', BLOCK_BYTES + 1);
const EMPTY = sample(5, 'trip/empty', 0);
const FOLDER = { id: 2, entry: { kind: 'folder', path: 'trip' } } as const;
const CHOSEN = [FOLDER, A, B, EMPTY];
/** The same, as a sender that was started again would list it. */
const RENUMBERED = [EMPTY, B, A, FOLDER].map((one, at) => ({ ...one, id: at + 70 }));

const block = ({ bytes }: Sample, index: number): Uint8Array<ArrayBuffer> =>
  bytes.slice(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
const blocksOf = ({ bytes }: Sample): number[] =>
  Array.from({ length: Math.ceil(bytes.length / BLOCK_BYTES) }, (_, index) => index);
const leafOf = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

async function writeBlock(sink: PageSink, of: Sample, index: number): Promise<void> {
  const bytes = block(of, index);
  await sink.write(of.id, index * BLOCK_BYTES, bytes.slice(), await leafOf(bytes));
}

/** What of a file is held and, read again, is what its leaf says. */
async function whatStands(
  sink: PageSink,
  files: readonly Sample[],
  held: Awaited<ReturnType<PageSink['open']>>,
): Promise<Map<string, number[]>> {
  const stands = new Map<string, number[]>();
  for (const file of held) {
    const of = files.find(({ id }) => id === file.id);
    if (of === undefined || file.committed) throw new Error(`${file.id} is held as nothing can be`);
    for (const [index, leaf] of file.leaves) {
      const read = await sink.read(of.id, index * BLOCK_BYTES, block(of, index).length);
      if (crc32(await leafOf(read)) !== crc32(leaf)) continue;
      expect(crc32(read)).toBe(crc32(block(of, index)));
      stands.set(of.entry.path, [...(stands.get(of.entry.path) ?? []), index].sort());
    }
  }
  return stands;
}

/** Fetches what does not stand, as a delivery does. */
async function complete(
  sink: PageSink,
  files: readonly Sample[],
  stands: ReadonlyMap<string, readonly number[]>,
): Promise<void> {
  for (const of of files) {
    for (const index of blocksOf(of))
      if (!stands.get(of.entry.path)?.includes(index)) await writeBlock(sink, of, index);
    await sink.commit(of.id, new Uint8Array(32));
  }
  await sink.finish();
}

async function expectDelivered(download: Download | null, files: readonly Sample[]): Promise<void> {
  const got = [...(await contents(download))].filter(([, bytes]) => bytes !== null);
  const crcs = got.map(([path, bytes]) => [path, crc32(bytes ?? new Uint8Array())]);
  expect(Object.fromEntries(crcs)).toEqual(
    Object.fromEntries(files.map(({ entry, bytes }) => [entry.path, crc32(bytes)])),
  );
}

const places: TransferPlace[] = [];
const writers: OpfsWriter[] = [];
const opened: PageSink[] = [];
let shelf: MemoryShelf;

beforeEach(() => {
  shelf = new Map();
  const take = TransferPlace.take;
  vi.spyOn(TransferPlace, 'take').mockImplementation(async (shareId) => {
    const place = await take.call(TransferPlace, shareId);
    places.push(place);
    return place;
  });
  const call = OpfsWriter.prototype.call;
  vi.spyOn(OpfsWriter.prototype, 'call').mockImplementation(function (this: OpfsWriter, ...args) {
    writers.push(this);
    return call.apply(this, args);
  });
});

afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.forget();
  vi.restoreAllMocks();
  await removeLeftovers(Date.now() + 100 * DAY_MS);
});

/** What the browser does when a page goes down: its workers end wherever they are, and its locks are given back. */
function crash(): void {
  for (const writer of writers.splice(0)) writer.end();
  for (const place of places.splice(0)) place.leave();
}

function onDisk(): OpfsSink {
  const sink = new OpfsSink(() => () => {});
  opened.push(sink);
  return sink;
}

function inMemory(): BlobSink {
  const sink = new BlobSink(() => () => {}, shelf);
  opened.push(sink);
  return sink;
}

const renumbered = (path: string): Sample => RENUMBERED.find(({ entry }) => entry.path === path) as Sample;
const FILES_AGAIN = [renumbered('trip/a'), renumbered('trip/b'), renumbered('trip/empty')];

describe.each([
  ['in memory, within the life of a page', inMemory, async (sink: PageSink) => sink.suspend()],
  [
    'on disk, suspended',
    onDisk,
    async (sink: PageSink) => {
      await sink.suspend();
      crash();
    },
  ],
  ['on disk, left', onDisk, async (sink: PageSink) => sink.release()],
  ['on disk, crashed', onDisk, async () => crash()],
] as const)('%s', (_name, make, interrupt) => {
  const kinds: Record<string, (sink: PageSink) => Promise<void>> = {
    'a block': (sink) => writeBlock(sink, A, 1),
    'blocks of two files': async (sink) => {
      for (const index of [2, 0]) await writeBlock(sink, A, index);
      await writeBlock(sink, B, 1);
    },
    'a commit': async (sink) => {
      for (const index of blocksOf(B)) await writeBlock(sink, B, index);
      await sink.commit(B.id, new Uint8Array(32));
      await sink.commit(EMPTY.id, new Uint8Array(32));
      await writeBlock(sink, A, 2);
    },
    'a block written twice': async (sink) => {
      await sink.write(A.id, 0, new Uint8Array(BLOCK_BYTES), await leafOf(new Uint8Array(BLOCK_BYTES)));
      await writeBlock(sink, A, 0);
    },
  };
  const expected: Record<string, Record<string, number[]>> = {
    'a block': { 'trip/a': [1] },
    'blocks of two files': { 'trip/a': [0, 2], 'trip/b': [1] },
    'a commit': { 'trip/a': [2], 'trip/b': [0, 1] },
    'a block written twice': { 'trip/a': [0] },
  };

  test.each(Object.entries(kinds))(
    'after %s, another run has it and goes on, whatever the ids',
    async (kind, act) => {
      const first = make();
      expect(await first.open(CHOSEN, SHARE)).toEqual([]);
      await act(first);
      await interrupt(first);
      const again = make();
      const held = await again.open(RENUMBERED, SHARE);
      const stands = await whatStands(again, FILES_AGAIN, held);
      expect(Object.fromEntries(stands)).toEqual(expected[kind]);
      await complete(again, FILES_AGAIN, stands);
      await expectDelivered(again.download, [A, B, EMPTY]);
    },
  );

  test('of a smaller choice what is held is gone on with, and the rest is not delivered', async () => {
    const first = make();
    await first.open(CHOSEN, SHARE);
    await writeBlock(first, A, 0);
    await writeBlock(first, B, 1);
    await interrupt(first);
    const again = make();
    const files = [B, EMPTY];
    const stands = await whatStands(again, files, await again.open(files, SHARE));
    expect(Object.fromEntries(stands)).toEqual({ 'trip/b': [1] });
    await complete(again, files, stands);
    await expectDelivered(again.download, files);
  });

  test('of another choice what is the same is gone on with, and what is new lies behind', async () => {
    const first = make();
    await first.open([A, B], SHARE);
    await writeBlock(first, A, 0);
    await writeBlock(first, B, 0);
    await interrupt(first);
    const grown = sample(9, B.entry.path, B.entry.sizeBytes + 1);
    const again = make();
    const files = [grown, { ...A, id: 1 }, { ...EMPTY, id: 2 }];
    const held = await again.open(files, SHARE);
    expect(held.filter(({ resized }) => resized).map(({ id }) => id)).toEqual([grown.id]);
    const stands = await whatStands(again, files, held);
    expect(Object.fromEntries(stands)).toEqual({ 'trip/a': [0] });
    await writeBlock(again, grown, 1);
    await interrupt(again);
    const last = make();
    const heldLast = await last.open(files, SHARE);
    expect(heldLast.filter(({ resized }) => resized)).toEqual([]);
    const standing = await whatStands(last, files, heldLast);
    expect(Object.fromEntries(standing)).toEqual({ 'trip/a': [0], 'trip/b': [1] });
    await complete(last, files, standing);
    await expectDelivered(last.download, [A, grown, EMPTY]);
  });

  test('one file of what was to be an archive is handed over as it is', async () => {
    const first = make();
    await first.open([A, B], SHARE);
    await writeBlock(first, B, 1);
    await interrupt(first);
    const again = make();
    const stands = await whatStands(again, [B], await again.open([B], SHARE));
    expect(Object.fromEntries(stands)).toEqual({ 'trip/b': [1] });
    await complete(again, [B], stands);
    expect(again.download?.fileName).toBe('b');
    const bytes = new Uint8Array((await again.download?.content.arrayBuffer()) ?? new ArrayBuffer());
    expect([bytes.length, crc32(bytes)]).toEqual([B.bytes.length, crc32(B.bytes)]);
  });

  test('another share has nothing of it', async () => {
    const first = make();
    await first.open(CHOSEN, SHARE);
    await writeBlock(first, A, 0);
    await interrupt(first);
    expect(await make().open(CHOSEN, namesOf('another'))).toEqual([]);
  });
});

/**
 * Those that hold a file to be seen as committed in the next run, which needs a name of its own for each: in a container all
 * files are read again alike. The tests above have these files.
 */
const NEEDS_FINAL_NAMES =
  /what was committed stays and is not written again|nothing is held but what was committed|each is held or committed/;

describe.each([
  ['in memory', inMemory, async (sink: Sink) => sink.suspend()],
  ['on disk', onDisk, async () => crash()],
] as const)('the contract, %s', (_name, make, interrupt) => {
  test.each(resumeContract.filter(({ name }) => !NEEDS_FINAL_NAMES.test(name)))('$name', async ({ run }) => {
    let sink: PageSink | undefined;
    await run({
      create: async () => {
        // A page that has suspended a delivery and turns to it anew lets go of it first.
        await sink?.release();
        sink = make();
        return sink;
      },
      saved: () => contents(sink?.download),
      crash: interrupt,
    });
  });
});

describe('on disk', () => {
  async function interrupted(): Promise<string> {
    const sink = onDisk();
    await sink.open(CHOSEN, SHARE);
    await writeBlock(sink, A, 0);
    await writeBlock(sink, A, 1);
    const id = places.at(-1)?.id ?? '';
    crash();
    return id;
  }

  async function overwrite(
    handle: FileSystemFileHandle,
    at: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    // A worker that has been ended lets go of its files a moment later.
    const writable = await vi.waitFor(() => handle.createWritable({ keepExistingData: true }), 5000);
    await writable.write({ type: 'write', position: at, data: bytes });
    await writable.close();
  }

  async function heldAgain(): Promise<Record<string, number[]>> {
    const sink = onDisk();
    return Object.fromEntries(await whatStands(sink, [A, B, EMPTY], await sink.open(CHOSEN, SHARE)));
  }

  test('a torn end of the journal costs no more than what it spoke of', async () => {
    const { journal } = await filesOf(await interrupted());
    await overwrite(journal, (await journal.getFile()).size, Uint8Array.of(45, 0, 1, 2, 3));
    expect(await heldAgain()).toEqual({ 'trip/a': [0, 1] });
    crash();
    expect(await heldAgain()).toEqual({ 'trip/a': [0, 1] });
  });

  test('a damaged journal is no journal', async () => {
    const { journal } = await filesOf(await interrupted());
    await overwrite(journal, 12, Uint8Array.of(99));
    expect(await heldAgain()).toEqual({});
  });

  test('a byte flipped in the container costs its block', async () => {
    const { body } = await filesOf(await interrupted());
    await overwrite(body, BLOCK_BYTES + 1000, Uint8Array.of(252));
    expect((await heldAgain())['trip/a']).toHaveLength(1);
  });

  test('whose delivery it is outlives the page, and is no other tab’s as long as one gathers it', async () => {
    expect(await heldDeliveryId(SHARE.shareId, shelf)).toBeNull();
    const first = onDisk();
    await first.open(CHOSEN, SHARE);
    expect(await heldDeliveryId(SHARE.shareId, shelf)).toBeNull();
    await writeBlock(first, A, 0);
    crash();
    expect(await heldDeliveryId(SHARE.shareId, shelf)).toBe(SHARE.deliveryId);
    const second = onDisk();
    await second.open(CHOSEN, { ...SHARE, deliveryId: 'another' });
    crash();
    expect(await heldDeliveryId(SHARE.shareId, shelf)).toBe('another');
    const third = onDisk();
    await third.open(CHOSEN, SHARE);
    await complete(third, [A, B, EMPTY], new Map());
    expect(await heldDeliveryId(SHARE.shareId, shelf)).toBeNull();
  });

  test('a second tab is told, and damages nothing', async () => {
    const sink = onDisk();
    await sink.open(CHOSEN, SHARE);
    await writeBlock(sink, A, 0);
    await expect(onDisk().open(CHOSEN, SHARE)).rejects.toMatchObject({
      code: 'sink-failed',
      message: OPEN_ELSEWHERE,
    });
    await complete(sink, [A, B, EMPTY], new Map([['trip/a', [0]]]));
    await expectDelivered(sink.download, [A, B, EMPTY]);
  });

  test('a share that was handed over can be had again while the browser copies', async () => {
    const first = onDisk();
    await first.open(CHOSEN, SHARE);
    await complete(first, [A, B, EMPTY], new Map());
    expect(await findJournal(SHARE.shareId)).toBeNull();
    const again = onDisk();
    expect(await again.open(CHOSEN, SHARE)).toEqual([]);
    await writeBlock(again, A, 0);
    await expectDelivered(first.download, [A, B, EMPTY]);
  });

  test('what was given up in one run is not held for the next', async () => {
    const first = onDisk();
    await first.open(CHOSEN, SHARE);
    await writeBlock(first, A, 0);
    await writeBlock(first, B, 0);
    await first.discard(A.id);
    crash();
    expect(await heldAgain()).toEqual({ 'trip/b': [0] });
  });

  test('what is whole can be handed over after an interruption, the rest given up', async () => {
    const sink = onDisk();
    await sink.open(CHOSEN, SHARE);
    await writeBlock(sink, A, 0);
    for (const index of blocksOf(B)) await writeBlock(sink, B, index);
    expect(sink.hasWholeFiles).toBe(false);
    await sink.commit(B.id, new Uint8Array(32));
    await sink.suspend();
    expect(sink.hasWholeFiles).toBe(true);
    await sink.abort();
    await sink.save();
    await expectDelivered(sink.download, [B]);
    expect(await findJournal(SHARE.shareId)).toBeNull();
  });

  test('it is kept for days, then removed; where the disk refuses, it makes way at once', async () => {
    await interrupted();
    await removeLeftovers(Date.now() + 6 * DAY_MS);
    expect(await findJournal(SHARE.shareId)).not.toBeNull();
    const petabyte = { id: 0, entry: { kind: 'file', path: 'big', sizeBytes: 2 ** 50 } } as const;
    await expect(onDisk().open([petabyte], namesOf('another'))).rejects.toMatchObject({ code: 'disk-full' });
    expect(await findJournal(SHARE.shareId)).toBeNull();
    await interrupted();
    await removeLeftovers(Date.now() + 8 * DAY_MS);
    expect(await findJournal(SHARE.shareId)).toBeNull();
  });
});
