import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import { encodePing } from '#protocol/lane-message.ts';
import { BLOCK_BYTES, DEFAULT_CREDIT_BYTES } from '#protocol/limits.ts';
import { LAST_WORD_PATIENCE_MS, MEET_AGAIN_DELAY_MS, PING_INTERVAL_MS, SILENT_PINGS } from './limits.ts';
import { failure, pass, settled, useFakeTime } from './testing/fake-time.ts';
import { MemoryDisk } from './testing/memory-files.ts';
import { type MemoryFile, Rendezvous } from './testing/rendezvous.ts';
import { WatchedSink } from './testing/watched-sink.ts';

useFakeTime();

const FILES: MemoryFile[] = [
  { path: 'empty', content: new Uint8Array(0) },
  { path: 'folder/big', content: randomBytes(20 * BLOCK_BYTES + 7) },
  { path: 'small', content: randomBytes(17) },
  { path: 'three', content: randomBytes(3 * BLOCK_BYTES) },
];
const ALL = FILES.map((_, id) => id);
const TOTAL_BYTES = FILES.reduce((sum, { content }) => sum + content.length, 0);
const FRAMES = FILES.reduce((sum, { content }) => sum + Math.ceil(content.length / (64 * 1024)), 0);
/** A silence is noticed at the ping after it. */
const SILENCE_MS = (SILENT_PINGS + 2) * PING_INTERVAL_MS;

function setUp(files = FILES) {
  const disk = new MemoryDisk();
  const world = new Rendezvous(nodePlatform(), disk);
  world.startSender(files);
  const sink = new WatchedSink(disk);
  const states = () => world.received.map(({ state }) => state);
  return { world, disk, sink, states };
}

async function setUpOpened(signal?: AbortSignal, files = FILES) {
  const made = setUp(files);
  const { value: share } = await settled(made.world.open(signal));
  return { ...made, share };
}

/** When this many frames were sent. */
function atFrame(world: Rendezvous, frames: number, act: () => void): Promise<void> {
  return new Promise((resolve) => {
    world.onFrame = (sent) => {
      if (sent !== frames) return;
      act();
      resolve();
    };
  });
}

function expectSaved(disk: MemoryDisk, sink: WatchedSink, files: readonly MemoryFile[] = FILES): void {
  expect([...disk.files.keys()].sort()).toEqual(files.map(({ path }) => path).sort());
  for (const { path, content } of files)
    expect(Buffer.compare(Buffer.from(disk.files.get(path) ?? []), content), path).toBe(0);
  expect(sink.offences).toEqual([]);
}

describe('a lane that is lost', () => {
  test.each([
    ['early', 3],
    ['in the middle', FRAMES / 2],
    ['at the last block', FRAMES - 1],
    ['at the last frame', FRAMES],
  ])('%s is replaced, and what was written is not sent again', async (_, frame) => {
    const { world, disk, sink, share, states } = await setUpOpened();
    void atFrame(world, Math.floor(frame), () => world.cut());
    const { value, ms } = await settled(share.accept(ALL, sink));
    expect(value.failed).toEqual([]);
    expectSaved(disk, sink);
    expect(world.lanes).toHaveLength(2);
    expect(world.resent).toEqual([]);
    expect(world.wireBytes).toBeLessThanOrEqual(TOTAL_BYTES + DEFAULT_CREDIT_BYTES);
    expect(states()).toEqual(expect.arrayContaining(['reconnecting', 'transferring', 'done']));
    expect(states().at(-1)).toBe('done');
    expect(world.received.at(-1)).toMatchObject({ bytes: TOTAL_BYTES, filesDone: 4, changedFiles: [] });
    expect(world.sent.at(-1)).toMatchObject({ state: 'done', filesDone: 4 });
    expect(ms).toBeLessThan(2000);
  });

  test('again and again is replaced each time', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    world.onFrame = (sent) => {
      // Some blocks' worth: what is whole of them is what a session leaves to the next.
      if (sent % 100 === 0) setTimeout(() => world.cut(), 0);
    };
    await settled(share.accept(ALL, sink));
    expectSaved(disk, sink);
    expect(world.lanes.length).toBeGreaterThan(3);
    expect(world.resent).toEqual([]);
    expect(new Set(world.sent.map(({ id }) => id)).size).toBe(1);
    expect(world.sent.some(({ state }) => state === 'failed')).toBe(false);
  });

  test('at once, before the new one has brought the manifest, is replaced once more', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    void atFrame(world, 150, () => world.cut());
    world.onMeeting = () => {
      // Dead when it is taken up.
      if (world.attempts === 2) setTimeout(() => world.cut(), 0);
    };
    await settled(share.accept(ALL, sink));
    expectSaved(disk, sink);
    expect(world.lanes.length).toBe(3);
    expect(world.sent.some(({ state }) => state === 'failed')).toBe(false);
    expect(world.sent.at(-1)?.state).toBe('done');
  });

  test('over and over, by a sender who does nothing else, costs two meetings a second and no more', async () => {
    const stopping = new AbortController();
    const { world, sink, share } = await setUpOpened(stopping.signal);
    world.onMeeting = () => void setTimeout(() => world.cut(), 0);
    world.cut();
    const accepted = share.accept(ALL, sink);
    accepted.catch(() => {});
    await pass(30_000);
    expect(world.attempts).toBeGreaterThan(30);
    expect(world.attempts).toBeLessThan(65);
    stopping.abort();
    expect(await failure(accepted)).toBe('cancelled');
    const { attempts } = world;
    await pass(10_000);
    expect(world.attempts).toBe(attempts);
  });

  test('while nobody can be met is replaced when somebody can', async () => {
    const { world, disk, sink, share, states } = await setUpOpened();
    const codes: TransferErrorCode[] = ['server-unreachable', 'sender-gone', 'rate-limited', 'room-full'];
    void atFrame(world, 150, () => world.cut());
    world.onMeeting = () => {
      const code = codes[world.attempts % codes.length];
      if (code && world.attempts < 30) throw new TransferError(code);
    };
    const accepted = share.accept(ALL, sink);
    await pass(5000);
    expect(states().at(-1)).toBe('reconnecting');
    expect(world.received.at(-1)).toMatchObject({ lanes: 0, error: null });
    await settled(accepted);
    expectSaved(disk, sink);
  });

  test('while the person chooses is replaced, and accepting works', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    world.cut();
    await pass(100);
    expect(world.lanes).toHaveLength(2);
    world.cut();
    await pass(MEET_AGAIN_DELAY_MS + 100);
    expect(world.lanes).toHaveLength(3);
    await settled(share.accept(ALL, sink));
    expectSaved(disk, sink);
    expect(world.sent.at(-1)?.state).toBe('done');
  });

  test('on this side alone while the person chooses keeps the place at the sender', async () => {
    const { world, sink, share } = await setUpOpened();
    world.lanes[0]?.receiver.drop('cut');
    await pass(100);
    expect(world.lanes[0]?.sender.closedBecause).not.toBeNull();
    await settled(share.accept(ALL, sink));
    expect(world.sent.some(({ state }) => state === 'failed')).toBe(false);
    expect(world.sent.at(-1)?.state).toBe('done');
  });

  test('and found dead when it is taken up, while the person chooses, is not the last', async () => {
    const { world, share, sink, disk, states } = await setUpOpened();
    const { lanes } = world;
    const push = lanes.push.bind(lanes);
    lanes.push = (lane) => {
      if (lanes.length === 1) lane.receiver.drop('dead before it is taken up');
      return push(lane);
    };
    world.cut();
    await pass(100);
    expect(states().at(-1)).toBe('reconnecting');
    await pass(MEET_AGAIN_DELAY_MS);
    expect(world.lanes).toHaveLength(3);
    expect(states().at(-1)).toBe('waiting');
    await settled(share.accept(ALL, sink));
    expectSaved(disk, sink);
  });

  test('while the person chooses and a search is under way is replaced by what that finds', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    world.onMeeting = () => new Promise((resolve) => setTimeout(resolve, 1000));
    world.cut();
    await pass(500);
    const accepted = share.accept(ALL, sink);
    await settled(accepted);
    expect(world.lanes).toHaveLength(2);
    expectSaved(disk, sink);
  });
});

describe('a silence', () => {
  test('is shown, and another way is gone on with while the old one is still open', async () => {
    const { world, disk, sink, share, states } = await setUpOpened();
    void atFrame(world, 150, () => world.hush());
    const accepted = share.accept(ALL, sink);
    world.onMeeting = () => expect(world.lanes.at(-1)?.receiver.closedBecause).toBeNull();
    const { ms } = await settled(accepted);
    expect(ms).toBeLessThan(SILENCE_MS + 1000);
    expect(states()).toContain('reconnecting');
    expectSaved(disk, sink);
    expect(world.lanes).toHaveLength(2);
    expect(world.lanes[0]?.receiver.closedBecause).toBe('closed here');
    expect(world.resent).toEqual([]);
  });

  test('that ends stops the search, whose late finding is closed', async () => {
    const { world, disk, sink, share, states } = await setUpOpened();
    let stopped = false;
    let find = () => {};
    world.onMeeting = async (signal) => {
      signal?.addEventListener('abort', () => {
        stopped = true;
      });
      await new Promise<void>((resolve) => {
        find = resolve;
      });
    };
    void atFrame(world, 150, () => world.hush());
    const accepted = share.accept(ALL, sink);
    await pass(SILENCE_MS);
    expect(states().at(-1)).toBe('reconnecting');
    world.unhush(0);
    await pass(0);
    expect(states().at(-1)).toBe('transferring');
    expect(stopped).toBe(true);
    const { sender } = world.lanes[0] ?? {};
    // The sender has been met all the same, and lets the old session go; only then is the new one found needless.
    world.onMeeting = () => {};
    find();
    await settled(accepted);
    expectSaved(disk, sink);
    expect(sender?.closedBecause).not.toBeNull();
    for (const { receiver } of world.lanes) expect(receiver.closedBecause).not.toBeNull();
    expect(world.resent).toEqual([]);
  });

  test('that only a word interrupts, while data is still held up, does not end the search', async () => {
    const { world, disk, sink, share, states } = await setUpOpened();
    let find = () => {};
    world.onMeeting = () =>
      new Promise<void>((resolve) => {
        find = resolve;
      });
    void atFrame(world, 150, () => world.hush());
    const accepted = share.accept(ALL, sink);
    await pass(SILENCE_MS);
    const word = () => world.lanes[0]?.receiver.take(encodePing('pong', 1));
    word();
    expect(states().at(-1)).toBe('transferring');
    // Nor does another silence begin a second one beside it.
    await pass(SILENCE_MS);
    expect(states().at(-1)).toBe('reconnecting');
    word();
    expect(world.attempts).toBe(2);
    world.onMeeting = () => {};
    find();
    await settled(accepted);
    expectSaved(disk, sink);
    expect(world.lanes).toHaveLength(2);
    expect(world.resent).toEqual([]);
  });

  test('that ends before a search has come to its end is over: its finding harms nothing', async () => {
    const { world, disk, sink } = setUp();
    // So that the sender lets nothing go by itself.
    const { value: share } = await settled(world.open(undefined, 'delivery', 'another'));
    let find = () => {};
    world.onMeeting = () =>
      new Promise<void>((resolve) => {
        find = resolve;
      });
    void atFrame(world, 150, () => world.hush());
    const accepted = share.accept(ALL, sink);
    await pass(SILENCE_MS);
    share.pause(true);
    world.unhush(0);
    await pass(10);
    find();
    await pass(1000);
    expect(world.lanes.map(({ receiver }) => receiver.closedBecause)).toEqual([null, 'closed here']);
    share.pause(false);
    await settled(accepted);
    expectSaved(disk, sink);
    expect(world.lanes).toHaveLength(2);
  });

  test('that ends while a search finds nobody leaves the session as it is', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    world.onMeeting = () => {
      throw new TransferError('server-unreachable');
    };
    void atFrame(world, 150, () => world.hush());
    const accepted = share.accept(ALL, sink);
    await pass(SILENCE_MS + 1000);
    const { attempts } = world;
    expect(attempts).toBeGreaterThan(1);
    world.unhush(0);
    await settled(accepted);
    expectSaved(disk, sink);
    expect(world.lanes).toHaveLength(1);
    await pass(10_000);
    expect(world.attempts - attempts).toBeLessThanOrEqual(1);
  });

  test('that no search ends becomes a lost lane within 10 s', async () => {
    const { world, sink, share, states } = await setUpOpened();
    world.onMeeting = () => {
      throw new TransferError('server-unreachable');
    };
    void atFrame(world, 150, () => world.hush());
    void share.accept(ALL, sink).catch(() => {});
    await pass(11_000);
    expect(world.lanes[0]?.receiver.closedBecause).not.toBeNull();
    expect(world.lanes[0]?.sender.closedBecause).not.toBeNull();
    expect(states().at(-1)).toBe('reconnecting');
    expect(world.sent.at(-1)?.state).toBe('reconnecting');
    await settled(share.decline());
  });
});

describe('a sender whose process is another', () => {
  const [empty, big, small, three] = FILES as [MemoryFile, MemoryFile, MemoryFile, MemoryFile];

  /** The first process is killed in the middle; this one comes in its place. */
  async function continuedBy(files: readonly MemoryFile[]) {
    const made = await setUpOpened();
    const { world, share, sink } = made;
    void atFrame(world, Math.floor(FRAMES / 2), () => {
      world.killSender();
      setTimeout(() => world.startSender(files), 3000);
    });
    const { value } = await settled(share.accept(ALL, sink));
    return { ...made, delivered: value };
  }

  test('and offers the same in another order is gone on with', async () => {
    const { disk, sink, world, delivered } = await continuedBy([three, small, big, empty]);
    expect(delivered.failed).toEqual([]);
    expectSaved(disk, sink);
    expect(world.resent).toEqual([]);
  });

  test.each([
    ['no longer offers a file that is on its way', [empty, small, three]],
    ['offers it in another size', [{ ...big, content: randomBytes(5) }, empty, small, three]],
  ])('and %s gives that up alone, and leaves nothing of it', async (_, files) => {
    const { disk, sink, world, delivered } = await continuedBy(files);
    expect(delivered.failed).toEqual([{ path: 'folder/big', code: 'source-changed' }]);
    expectSaved(disk, sink, [empty, small, three]);
    expect(disk.partials.size).toBe(0);
    expect(world.received.at(-1)).toMatchObject({ state: 'failed', error: { code: 'source-changed' } });
  });

  test('and no longer offers a file that is saved completes the others', async () => {
    const { disk, sink, world, share } = await setUpOpened();
    const accepted = share.accept(ALL, sink);
    share.pause(true, 'three');
    await pass(2000);
    expect(disk.files.size).toBe(3);
    world.killSender();
    world.startSender([three]);
    share.pause(false, 'three');
    const { value } = await settled(accepted);
    expect(value.failed).toEqual([]);
    expectSaved(disk, sink);
    expect(world.received.at(-1)).toMatchObject({ bytes: TOTAL_BYTES, filesDone: 4, state: 'done' });
  });

  test('and has other bytes in one block is asked for that block again, which is told', async () => {
    const content = Uint8Array.from(big.content);
    content[BLOCK_BYTES + 5] = (content[BLOCK_BYTES + 5] ?? 0) ^ 1;
    const files = [empty, { path: big.path, content }, small, three];
    const { disk, sink, world, delivered } = await continuedBy(files);
    expect(delivered.failed).toEqual([]);
    expectSaved(disk, sink, files);
    expect(world.resent.filter((block) => block !== 'folder/big:1')).toEqual([]);
    expect(world.resent).toContain('folder/big:1');
    expect(delivered.status.changedFiles).toEqual(['folder/big']);
  });
});

describe('a person’s wish', () => {
  test('to pause, from here, holds in the next session, and so does its end', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    void atFrame(world, 150, () => {
      share.pause(true);
      world.cut();
    });
    const accepted = share.accept(ALL, sink);
    await pass(5000);
    const { wireBytes } = world;
    expect(world.lanes).toHaveLength(2);
    expect(wireBytes).toBeLessThan(TOTAL_BYTES);
    expect(world.received.at(-1)?.paused).toEqual({ here: true, there: false });
    expect(world.sent.at(-1)?.paused).toEqual({ here: false, there: true });
    await pass(5000);
    expect(world.wireBytes).toBe(wireBytes);
    share.pause(false);
    await settled(accepted);
    expectSaved(disk, sink);
    expect(world.received.at(-1)?.paused).toEqual({ here: false, there: false });
    expect(world.sent.at(-1)?.paused).toEqual({ here: false, there: false });
  });

  test('to go on, said while nobody is there, lets the next session go on', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    share.pause(true);
    const accepted = share.accept(ALL, sink);
    await pass(1000);
    expect(world.wireBytes).toBe(0);
    world.onMeeting = () => new Promise((resolve) => setTimeout(resolve, 1000));
    world.cut();
    await pass(500);
    share.pause(false);
    await settled(accepted);
    expectSaved(disk, sink);
    expect(world.sent.at(-1)?.paused).toEqual({ here: false, there: false });
  });

  test('to pause, from there, holds in the next session, and not where the sender’s process is another', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    void atFrame(world, 150, () => {
      world.places.pause('delivery', true);
      world.cut();
    });
    const accepted = share.accept(ALL, sink);
    await pass(5000);
    expect(world.wireBytes).toBeLessThan(TOTAL_BYTES);
    expect(world.received.at(-1)?.paused).toEqual({ here: false, there: true });
    world.killSender();
    world.startSender(FILES);
    await settled(accepted);
    expectSaved(disk, sink);
    expect(world.received.at(-1)?.paused).toEqual({ here: false, there: false });
  });

  test('to hold one file up, or to give one up, from there, is shown here and holds in the next session', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    void atFrame(world, 1, () => {
      world.places.pause('delivery', true, 'folder/big');
      world.places.cancel('delivery', 'three');
      world.cut();
    });
    const accepted = share.accept(ALL, sink);
    await pass(5000);
    expect(world.lanes).toHaveLength(2);
    expect(world.received.at(-1)).toMatchObject({
      state: 'transferring',
      paused: { here: false, there: false },
      pausedFiles: [{ path: 'folder/big', here: false, there: true }],
      failedFiles: [{ path: 'three', code: 'cancelled' }],
    });
    world.places.pause('delivery', false, 'folder/big');
    const { value } = await settled(accepted);
    expect(value.failed).toEqual([{ path: 'three', code: 'cancelled' }]);
    const others = FILES.filter(({ path }) => path !== 'three');
    expectSaved(disk, sink, others);
    for (const shown of [world.received, world.sent])
      expect(shown.at(-1)).toMatchObject({ state: 'failed', pausedFiles: [], error: { code: 'cancelled' } });
    expect(world.sent.at(-1)?.filesDone).toBe(3);
  });

  test('to stop one receiver, said there, ends it here', async () => {
    const { world, sink, share } = await setUpOpened();
    void atFrame(world, 150, () => world.places.cancel('delivery'));
    expect(await failure(share.accept(ALL, sink))).toBe('cancelled');
    expect(world.received.at(-1)?.error).toMatchObject({ code: 'cancelled', source: 'remote' });
    expect(world.sent.at(-1)).toMatchObject({
      state: 'failed',
      error: { code: 'cancelled', source: 'local' },
    });
  });

  test('to hold one file up passes to the next session, and the others go on', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    void atFrame(world, 150, () => {
      share.pause(true, 'folder/big');
      world.cut();
    });
    const accepted = share.accept(ALL, sink);
    await pass(5000);
    expect([...disk.files.keys()].sort()).toEqual(['empty', 'small', 'three']);
    share.pause(false, 'folder/big');
    await settled(accepted);
    expectSaved(disk, sink);
  });

  test.each([
    ['in a session', false],
    ['between two sessions', true],
  ])('to give one file up, %s, leaves nothing of it, and the others arrive', async (_, between) => {
    const { world, disk, sink, share } = await setUpOpened();
    void atFrame(world, 150, () => {
      if (between) world.cut();
      else share.cancelFile('folder/big');
    });
    world.onMeeting = () => new Promise((resolve) => setTimeout(resolve, 1000));
    const accepted = share.accept(ALL, sink);
    await pass(500);
    if (between) share.cancelFile('folder/big');
    await pass(200);
    const failedFiles = [{ path: 'folder/big', code: 'cancelled' }];
    if (between) expect(world.received.at(-1)).toMatchObject({ state: 'reconnecting', failedFiles });
    const { value } = await settled(accepted);
    expect(value.failed).toEqual([{ path: 'folder/big', code: 'cancelled' }]);
    expectSaved(
      disk,
      sink,
      FILES.filter(({ path }) => path !== 'folder/big'),
    );
    expect(disk.partials.size).toBe(0);
  });

  test('to take nothing is told', async () => {
    const { world, share } = await setUpOpened();
    await settled(share.decline());
    await pass(100);
    expect(world.received.at(-1)).toMatchObject({ state: 'failed', error: { code: 'declined' } });
    expect(world.sent.at(-1)).toMatchObject({ error: { code: 'declined', source: 'remote' } });
  });

  test('to take nothing, while the sender is sought, ends the search', async () => {
    const { world, share } = await setUpOpened();
    world.onMeeting = () => new Promise((resolve) => setTimeout(resolve, 1000));
    world.cut();
    await pass(500);
    await settled(share.decline());
    await pass(5000);
    expect(world.received.at(-1)).toMatchObject({ state: 'failed', error: { code: 'declined' } });
    for (const { receiver } of world.lanes) expect(receiver.closedBecause).not.toBeNull();
    expect(world.attempts).toBe(2);
  });

  test.each(['choosing', 'opening the sink', 'transferring', 'between two sessions', 'silent'] as const)(
    'to stop, while %s, ends it, tells the sender where it can and leaves no lane open',
    async (stage) => {
      const stopping = new AbortController();
      const { world, sink, share } = await setUpOpened(stopping.signal);
      const stop = () => stopping.abort();
      world.onMeeting = () => new Promise((resolve) => setTimeout(resolve, 1000));
      if (stage === 'choosing') stop();
      if (stage === 'transferring') void atFrame(world, 150, stop);
      if (stage === 'opening the sink') sink.before = (call) => (call === 'open' ? stop() : undefined);
      if (stage === 'between two sessions')
        void atFrame(world, 150, () => {
          world.cut();
          setTimeout(stop, 500);
        });
      if (stage === 'silent')
        void atFrame(world, 150, () => {
          world.hush();
          // Silent by then, and not met yet.
          setTimeout(stop, (SILENT_PINGS + 0.5) * PING_INTERVAL_MS);
        });
      expect(await failure(share.accept(ALL, sink))).toBe('cancelled');
      await pass(20_000);
      expect(sink.calls.at(-1)).toBe(['choosing', 'opening the sink'].includes(stage) ? 'abort' : 'suspend');
      expect(sink.offences).toEqual([]);
      expect(world.received.at(-1)).toMatchObject({ state: 'failed', error: { code: 'cancelled' } });
      for (const { sender, receiver } of world.lanes)
        expect([sender.closedBecause, receiver.closedBecause]).not.toContain(null);
      if (['choosing', 'opening the sink', 'transferring'].includes(stage))
        expect(world.sent.at(-1)).toMatchObject({ error: { code: 'cancelled', source: 'remote' } });
    },
  );

  test('to stop, said before the share was opened, is heard', async () => {
    const { world } = setUp();
    expect(await failure(world.open(AbortSignal.abort()))).toBe('cancelled');
    expect(world.lanes[0]?.receiver.closedBecause).not.toBeNull();
  });

  test('to stop is not waited for any longer when all is over', async () => {
    const stopping = new AbortController();
    const { signal } = stopping;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const { sink, share } = await setUpOpened(signal);
    expect(listeners).toBe(1);
    await settled(share.accept(ALL, sink));
    expect(listeners).toBe(0);
  });
});

describe('the last word', () => {
  test('is said in another session where the first was lost before it', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    sink.before = (call) => {
      if (call === 'finish') world.cut();
    };
    const { ms } = await settled(share.accept(ALL, sink));
    expect(ms).toBeLessThan(LAST_WORD_PATIENCE_MS);
    expectSaved(disk, sink);
    expect(world.received.at(-1)?.state).toBe('done');
    expect(world.sent.at(-1)?.state).toBe('done');
    expect(sink.calls.filter((call) => call === 'finish')).toHaveLength(1);
  });

  test('is said again where nobody answers it', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    sink.before = (call) => {
      if (call === 'finish') world.hush();
    };
    const { ms } = await settled(share.accept(ALL, sink));
    expect(ms).toBeLessThan(LAST_WORD_PATIENCE_MS);
    expectSaved(disk, sink);
    expect(world.received.at(-1)?.state).toBe('done');
    expect(world.sent.at(-1)?.state).toBe('done');
  });

  test.each([
    ['is not there any more', (world: Rendezvous) => world.killSender()],
    ['cannot be found', (world: Rendezvous) => world.cut()],
    ['takes it in and never answers', (world: Rendezvous) => world.hush()],
    ['ends the next session before it', (world: Rendezvous) => world.cut()],
  ])('is not waited for where the sender %s: what is durable is done', async (how, act) => {
    const { world, disk, sink, share } = await setUpOpened();
    sink.before = (call) => {
      if (call !== 'finish') return;
      act(world);
      world.onMeeting = () => {
        if (how === 'cannot be found') throw new TransferError('server-unreachable');
        if (how.startsWith('takes it in')) setTimeout(() => world.hush(), 0);
        if (how.startsWith('ends the next')) setTimeout(() => void world.places.close(), 0);
      };
    };
    const { ms } = await settled(share.accept(ALL, sink));
    expect(ms).toBeLessThan(LAST_WORD_PATIENCE_MS + 4000);
    expectSaved(disk, sink);
    expect(world.received.at(-1)).toMatchObject({ state: 'done', error: null });
    expect(sink.calls.at(-1)).toBe('finish');
    await pass(30_000);
    for (const { receiver } of world.lanes) expect(receiver.closedBecause).not.toBeNull();
  });

  test('is given up by a person without a loss', async () => {
    const stopping = new AbortController();
    const { world, disk, sink, share } = await setUpOpened(stopping.signal);
    sink.before = (call) => {
      if (call !== 'finish') return;
      world.killSender();
      stopping.abort();
    };
    const { ms } = await settled(share.accept(ALL, sink));
    expect(ms).toBeLessThan(1000);
    expectSaved(disk, sink);
    expect(world.received.at(-1)?.state).toBe('done');
  });
});

describe('what is final ends it at once, and keeps what is written', () => {
  test.each<[TransferErrorCode]>([['tampered'], ['impostor'], ['protocol-violation'], ['version-mismatch']])(
    'found by the search: %s',
    async (code) => {
      const { world, sink, share } = await setUpOpened();
      void atFrame(world, FRAMES / 2, () => world.cut());
      world.onMeeting = () => {
        throw new TransferError(code);
      };
      expect(await failure(share.accept(ALL, sink), 2000)).toBe(code);
      expect(sink.calls.at(-1)).toBe('suspend');
      expect(sink.offences).toEqual([]);
      expect(world.received.at(-1)).toMatchObject({ state: 'failed', error: { code } });
    },
  );

  test('found while the person chooses', async () => {
    const { world, sink, share } = await setUpOpened();
    world.onMeeting = () => {
      throw new TransferError('impostor');
    };
    world.cut();
    await pass(100);
    expect(world.received.at(-1)).toMatchObject({ state: 'failed', error: { code: 'impostor' } });
    expect(await failure(share.accept(ALL, sink), 2000)).toBe('impostor');
  });

  test('said by the sender who stops', async () => {
    const { world, sink, share } = await setUpOpened();
    void atFrame(world, FRAMES / 2, () => void world.places.close());
    expect(await failure(share.accept(ALL, sink), 5000)).toBe('cancelled');
    expect(sink.calls.at(-1)).toBe('suspend');
    expect(world.attempts).toBe(1);
  });

  test('a full disk, in whichever session, of which the sender is told', async () => {
    const { world, sink, share } = await setUpOpened();
    void atFrame(world, 150, () => world.cut());
    let writes = 0;
    sink.before = (call) => {
      if (call !== 'write') return;
      writes += 1;
      if (writes === 18) throw new TransferError('disk-full');
    };
    expect(await failure(share.accept(ALL, sink))).toBe('disk-full');
    expect(world.lanes).toHaveLength(2);
    expect(sink.calls.at(-1)).toBe('suspend');
    expect(sink.offences).toEqual([]);
    await pass(1000);
    expect(world.sent.at(-1)).toMatchObject({ error: { code: 'disk-full', source: 'remote' } });
  });

  test('one file’s failure at the disk in the moment of a loss is not forgotten', async () => {
    const { world, disk, sink, share } = await setUpOpened();
    sink.before = async (call, entry) => {
      if (call !== 'write' || entry !== 3) return;
      world.cut();
      await new Promise((resolve) => setTimeout(resolve, 100));
      throw new TransferError('sink-failed');
    };
    const { value } = await settled(share.accept(ALL, sink));
    expect(value.failed).toEqual([{ path: 'three', code: 'sink-failed' }]);
    expectSaved(disk, sink, FILES.slice(0, 3));
    expect(disk.partials.size).toBe(0);
  });
});
