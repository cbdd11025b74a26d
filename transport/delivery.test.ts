import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { FUZZ } from '#protocol/testing/fuzz.ts';
import { failure, pass, settled, useFakeTime } from './testing/fake-time.ts';
import { MemoryDisk } from './testing/memory-files.ts';
import { type MemoryFile, Rendezvous } from './testing/rendezvous.ts';
import { WatchedSink } from './testing/watched-sink.ts';

useFakeTime();

const FILES: MemoryFile[] = [
  { path: 'small', content: randomBytes(100) },
  { path: 'big', content: randomBytes(20 * BLOCK_BYTES + 1) },
  { path: 'folder/block', content: randomBytes(BLOCK_BYTES) },
];

const FEWER_BLOCKS = FILES.map(({ path, content }) => ({
  path,
  content: content.subarray(0, 6 * BLOCK_BYTES + 1),
}));

function setUp(files = FILES) {
  const disk = new MemoryDisk();
  const world = new Rendezvous(nodePlatform(), disk);
  world.startSender(files);
  return { disk, world };
}

function expectSaved(disk: MemoryDisk, files = FILES): void {
  expect([...disk.files.keys()].sort()).toEqual(files.map(({ path }) => path).sort());
  for (const { path, content } of files)
    expect(Buffer.compare(Buffer.from(disk.files.get(path) ?? []), content), path).toBe(0);
}

describe('a delivery that another process goes on with', () => {
  /** A first process, stopped in the middle; the sink of a second one, and what is held for it. */
  async function interrupted() {
    const made = setUp();
    const { world, disk } = made;
    const stopping = new AbortController();
    world.onFrame = (frames) => (frames === 200 ? stopping.abort() : undefined);
    const { value: share } = await settled(world.open(stopping.signal, 'first'));
    const first = new WatchedSink(disk);
    expect(await failure(share.accept([0, 1, 2], first))).toBe('cancelled');
    expect(first.calls.at(-1)).toBe('suspend');
    const [big] = [...disk.partials].filter(([key]) => key.endsWith('/big')).map(([, partial]) => partial);
    if (!big || big.leaves.size < 5) throw new Error('nothing is held');
    world.onFrame = () => {};
    return { ...made, held: big, sink: new WatchedSink(disk), bytesBefore: world.wireBytes };
  }

  test('asks for what is missing while it reads again what is there, and for nothing else', async () => {
    const { world, disk, held, sink, bytesBefore } = await interrupted();
    const missing = 21 - held.leaves.size;
    sink.before = (call) =>
      call === 'read' ? new Promise<void>((resolve) => setTimeout(resolve, 1000)) : undefined;
    const { value: share } = await settled(world.open(undefined, 'second'));
    const accepted = share.accept([0, 1, 2], sink);
    await pass(900);
    expect(sink.calls.filter((call) => call === 'read')).toHaveLength(1);
    expect(world.wireBytes - bytesBefore).toBeGreaterThan((missing - 1) * BLOCK_BYTES);
    const reads = held.leaves.size - missing;
    expect(reads).toBeGreaterThan(0);
    await settled(accepted);
    expectSaved(disk);
    expect(world.resent).toEqual([]);
    expect(sink.offences).toEqual([]);
  });

  test.each(['damaged', 'unreadable'])(
    'fetches a block that is %s there again, and nothing else',
    async (how) => {
      const { world, disk, held, sink } = await interrupted();
      const index = [...held.leaves.keys()][2] ?? -1;
      const at = index * BLOCK_BYTES + 77;
      let reads = 0;
      if (how === 'damaged') held.content[at] = (held.content[at] ?? 0) ^ 1;
      else
        sink.before = (call, entry) => {
          if (call === 'read' && entry === 1) reads += 1;
          if (call === 'read' && reads === 3) throw new Error('bad sector');
        };
      const { value: share } = await settled(world.open(undefined, 'second'));
      const { value } = await settled(share.accept([0, 1, 2], sink));
      expect(value.failed).toEqual([]);
      // Not a change at the sender.
      expect(value.status.changedFiles).toEqual([]);
      expectSaved(disk);
      expect(new Set(world.resent)).toEqual(new Set([`big:${index}`]));
      expect(sink.offences).toEqual([]);
    },
  );

  test('reads nothing twice where its own session is lost meanwhile', async () => {
    const { world, disk, held, sink } = await interrupted();
    const toRead = [...disk.partials.values()].reduce((sum, { leaves }) => sum + leaves.size, 0);
    expect(toRead).toBeGreaterThan(held.leaves.size - 1);
    let reads = 0;
    sink.before = async (call) => {
      if (call !== 'read') return;
      reads += 1;
      if (reads % 3 === 0) world.cut();
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    const { value: share } = await settled(world.open(undefined, 'second'));
    await settled(share.accept([0, 1, 2], sink));
    expectSaved(disk);
    expect(reads).toBe(toRead);
    expect(world.resent).toEqual([]);
  });
});

describe('what another process committed', () => {
  const files = ['a', 'b', 'c'].map((path, at) => ({
    path,
    content: randomBytes((2 - at) * BLOCK_BYTES + 9),
  }));

  /** A first process that has committed the first two files, of three and of two blocks. */
  async function interrupted() {
    const made = setUp(files);
    const { world, disk } = made;
    const { value: share } = await settled(world.open(undefined, 'first'));
    await settled(share.accept([0, 1], new WatchedSink(disk)));
    const damage = (path: string, at: number) => disk.files.get(path)?.set([1, 2, 3], at);
    return { ...made, damage, sink: new WatchedSink(disk) };
  }
  const accept = async (world: Rendezvous, sink: WatchedSink) => {
    const { value: share } = await settled(world.open(undefined, 'second'));
    const { value } = await settled(share.accept([0, 1, 2], sink));
    return value;
  };

  test('is read again, counts only then, and is not asked for', async () => {
    const { world, disk, sink } = await interrupted();
    const seen: [number, number][] = [];
    sink.before = async (call) => {
      if (call !== 'read') return;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const { bytes, filesDone } = world.received.at(-1) ?? {};
      seen.push([bytes ?? 0, filesDone ?? 0]);
    };
    const { status, failed } = await accept(world, sink);
    expect(failed).toEqual([]);
    expect(sink.calls.filter((call) => call === 'read')).toHaveLength(5);
    expect(sink.calls).not.toContain('reopen');
    // The third file arrives meanwhile.
    expect(seen.map(([bytes]) => bytes)).toEqual([
      9,
      9 + BLOCK_BYTES,
      9 + 2 * BLOCK_BYTES,
      18 + 2 * BLOCK_BYTES,
      18 + 3 * BLOCK_BYTES,
    ]);
    expect(seen.map(([, done]) => done)).toEqual([1, 1, 1, 2, 2]);
    expect([status.bytes, status.filesDone]).toEqual([27 + 3 * BLOCK_BYTES, 3]);
    expect(world.resent).toEqual([]);
    expectSaved(disk, files);
  });

  test.each(['damaged', 'unreadable'])('and is %s is gone on with, but for one block', async (how) => {
    const { world, disk, sink, damage } = await interrupted();
    let reads = 0;
    if (how === 'damaged') damage('a', BLOCK_BYTES + 5);
    else
      sink.before = (call) => {
        if (call === 'read') reads += 1;
        if (call === 'read' && (reads === 2 || reads === 4)) throw new Error('bad sector');
      };
    const { status, failed } = await accept(world, sink);
    expect(failed).toEqual([]);
    expect(status.changedFiles).toEqual([]);
    expect([status.bytes, status.filesDone]).toEqual([27 + 3 * BLOCK_BYTES, 3]);
    expect(sink.calls.filter((call) => call === 'reopen')).toHaveLength(1);
    expect(world.resent).toEqual(['a:1']);
    expect(sink.offences).toEqual([]);
    expectSaved(disk, files);
  });

  test('and is damaged and offered no more has failed', async () => {
    const { world, disk, sink, damage } = await interrupted();
    damage('a', 5);
    sink.before = (call) => {
      if (call !== 'open') return;
      world.killSender();
      world.startSender(files.slice(1));
    };
    const { status, failed } = await accept(world, sink);
    expect(failed).toEqual([{ path: 'a', code: 'source-changed' }]);
    expect([status.bytes, status.filesDone]).toEqual([18 + BLOCK_BYTES, 2]);
    expect(Buffer.compare(disk.files.get('c') ?? Buffer.alloc(0), files[2]?.content ?? Buffer.alloc(0))).toBe(
      0,
    );
  });

  test('is seen to be whole before the end, and not from the start again where the session is lost', async () => {
    const { world, disk, sink } = await interrupted();
    let reads = 0;
    sink.before = async (call) => {
      if (call !== 'read') return;
      reads += 1;
      if (reads === 2 || reads === 4) world.cut();
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await accept(world, sink);
    expect(reads).toBe(5);
    expect(world.resent).toEqual([]);
    expectSaved(disk, files);
  });
});

const FAULTS = [
  'cut',
  'cut at the receiver',
  'cut at the sender',
  'hush',
  'other sender',
  'other receiver',
  'other receiver after damage',
] as const;

test('whatever is lost at either end, and whenever, everything arrives and nothing twice', {
  timeout: FUZZ * 60_000,
}, async () => {
  const scenario = fc.array(
    fc.record({ fault: fc.constantFrom(...FAULTS), frames: fc.integer({ min: 1, max: 120 }) }),
    { maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(scenario, async (faults) => {
      const { world, disk } = setUp(FEWER_BLOCKS);
      const damaged = new Set<string>();
      const left = [...faults];
      let nextAt = left[0]?.frames ?? 0;
      let stopping = new AbortController();
      let isReversed = false;
      const act: Record<(typeof FAULTS)[number], () => void> = {
        cut: () => world.cut(),
        'cut at the receiver': () => world.lanes.at(-1)?.receiver.drop('cut'),
        'cut at the sender': () => world.lanes.at(-1)?.sender.drop('cut'),
        hush: () => world.hush(),
        'other sender': () => {
          isReversed = !isReversed;
          world.killSender();
          setTimeout(() => world.startSender(isReversed ? [...FEWER_BLOCKS].reverse() : FEWER_BLOCKS), 700);
        },
        'other receiver': () => stopping.abort(),
        'other receiver after damage': () => {
          stopping.abort();
          for (const [key, { content, leaves }] of disk.partials) {
            const [index] = leaves.keys();
            if (index === undefined) continue;
            content[index * BLOCK_BYTES] = (content[index * BLOCK_BYTES] ?? 0) ^ 1;
            damaged.add(`${key.slice(key.indexOf('/') + 1)}:${index}`);
          }
          for (const [path, content] of disk.files) {
            content[0] = (content[0] ?? 0) ^ 1;
            damaged.add(`${path}:0`);
          }
        },
      };
      world.onFrame = (frames) => {
        const next = left[0];
        if (!next || frames < nextAt) return;
        left.shift();
        nextAt = frames + (left[0]?.frames ?? 0);
        act[next.fault]();
      };
      for (let run = 0; ; run += 1) {
        expect(run).toBeLessThan(100);
        stopping = new AbortController();
        const opening = await settled(world.open(stopping.signal, `run ${run}`).catch(() => null));
        const share = opening.value;
        if (!share) {
          await pass(300);
          continue;
        }
        const sink = new WatchedSink(disk);
        const ids = share.offer.entries.map((_, id) => id);
        const code = await failure(share.accept(ids, sink), 120_000);
        expect(sink.offences).toEqual([]);
        if (code === 'resolved') break;
        expect(code).toBe('cancelled');
      }
      expectSaved(disk, FEWER_BLOCKS);
      expect(world.resent.filter((block) => !damaged.has(block))).toEqual([]);
      await pass(30_000);
      for (const { sender, receiver } of world.lanes)
        expect([sender.closedBecause, receiver.closedBecause]).not.toContain(null);
    }),
    { numRuns: 20 * FUZZ },
  );
});
