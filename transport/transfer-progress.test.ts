import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TransferError } from '#protocol/errors.ts';
import { COUNTS_INTERVAL_MS, STATUS_INTERVAL_MS } from './limits.ts';
import { TransferProgress } from './transfer-progress.ts';
import type { TransferStatus } from './transfer-status.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const snapshots: TransferStatus[] = [];
  const progress = new TransferProgress(
    () => performance.now(),
    (status) => snapshots.push(status),
  );
  return { progress, snapshots, states: () => snapshots.map(({ state }) => state) };
}

describe('a snapshot', () => {
  it('is given at once where the state changes, with everything noted before', () => {
    const { progress, snapshots, states } = setUp();
    progress.set({ lanes: 1 });
    progress.set({ state: 'waiting' });
    progress.set({ state: 'failed', error: new TransferError('declined') });
    expect(states()).toEqual(['waiting', 'failed']);
    expect(snapshots[0]?.lanes).toBe(1);
  });

  it('is given a few times a second otherwise, however much is noted', () => {
    const { progress, snapshots } = setUp();
    for (let i = 0; i < 1000; i += 1) progress.addWireBytes(10);
    expect(snapshots).toEqual([]);
    vi.advanceTimersByTime(COUNTS_INTERVAL_MS);
    for (let i = 0; i < 1000; i += 1) progress.addWireBytes(10);
    vi.advanceTimersByTime(10 * COUNTS_INTERVAL_MS);
    expect(snapshots.map(({ wireBytes }) => wireBytes)).toEqual([10_000, 20_000]);
  });

  it('is given sooner where it is not only a number that grew', () => {
    const { progress, snapshots } = setUp();
    progress.addWireBytes(10);
    vi.advanceTimersByTime(10);
    progress.set({ paused: { here: true, there: false } });
    progress.addWireBytes(10);
    vi.advanceTimersByTime(STATUS_INTERVAL_MS - 1);
    expect(snapshots).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(snapshots).toMatchObject([{ wireBytes: 20, paused: { here: true } }]);
    vi.advanceTimersByTime(10 * COUNTS_INTERVAL_MS);
    expect(snapshots).toHaveLength(1);
  });

  it('is a new object each time, and what was given does not change', () => {
    const { progress, snapshots } = setUp();
    const failed = new Map<number, 'damaged'>();
    progress.followFailures(failed, (id) => `file ${id}`);
    failed.set(3, 'damaged');
    progress.set({ state: 'transferring' });
    failed.set(1, 'damaged');
    progress.set({ bytes: 1 });
    vi.advanceTimersByTime(COUNTS_INTERVAL_MS);
    expect(snapshots.map(({ failedFiles }) => failedFiles.map(({ path }) => path))).toEqual([
      ['file 3'],
      ['file 3', 'file 1'],
    ]);
    expect(progress.status.failedFiles).toHaveLength(2);
  });

  it('keeps what an earlier session gave up, once, however often it does', () => {
    const { progress, snapshots } = setUp();
    for (let session = 0; session < 100; session += 1) {
      const failed = new Map<number, 'damaged' | 'cancelled'>();
      progress.followFailures(failed, (id) => `file ${id}`);
      failed.set(session % 3, session < 99 ? 'damaged' : 'cancelled');
      progress.set({ bytes: session });
      vi.advanceTimersByTime(COUNTS_INTERVAL_MS);
    }
    expect(snapshots.at(-1)?.failedFiles).toEqual([
      { path: 'file 0', code: 'cancelled' },
      { path: 'file 1', code: 'damaged' },
      { path: 'file 2', code: 'damaged' },
    ]);
    expect(progress.failures).toEqual(snapshots.at(-1)?.failedFiles);
  });

  it('does not cost more for each file that was given up before', () => {
    const { progress, snapshots } = setUp();
    const failed = new Map<number, 'damaged'>();
    let looked = 0;
    progress.followFailures(failed, (id) => {
      looked += 1;
      return `file ${id}`;
    });
    for (let id = 0; id < 100_000; id += 1) {
      failed.set(id, 'damaged');
      progress.set({});
    }
    progress.set({ state: 'failed' });
    expect(snapshots.at(-1)?.failedFiles).toHaveLength(100_000);
    expect(looked).toBe(100_000);
  });
});

describe('the figures', () => {
  it('are unknown until bytes have flowed for a while', () => {
    const { progress, snapshots } = setUp();
    progress.set({ state: 'transferring', totalBytes: 1000 });
    expect(snapshots.at(-1)).toMatchObject({ bytesPerSecond: null, secondsLeft: null, seconds: 0 });
    progress.addWireBytes(100);
    vi.advanceTimersByTime(STATUS_INTERVAL_MS);
    expect(snapshots.at(-1)).toMatchObject({ bytesPerSecond: null, secondsLeft: null });
  });

  it('say how fast the last seconds were, and how long the rest takes at that speed', () => {
    const { progress, snapshots } = setUp();
    progress.set({ state: 'transferring', totalBytes: 100_000 });
    progress.addWireBytes(1);
    for (let ms = 0; ms < 20_000; ms += 100) {
      // Slow at first; twice as fast from the tenth second on.
      progress.set({ bytes: progress.status.bytes + (ms < 10_000 ? 100 : 200) });
      vi.advanceTimersByTime(100);
    }
    const last = snapshots.at(-1);
    expect(last?.bytesPerSecond).toBeCloseTo(2000, -2);
    expect(last?.secondsLeft).toBeCloseTo((100_000 - 30_000) / 2000, 0);
    expect(last?.seconds).toBeCloseTo(20, 0);
  });

  it('name no speed while the connection is lost', () => {
    const { progress, snapshots } = setUp();
    progress.set({ state: 'transferring', totalBytes: 1000 });
    progress.addWireBytes(1);
    for (let i = 0; i < 20; i += 1) {
      progress.set({ bytes: i });
      vi.advanceTimersByTime(STATUS_INTERVAL_MS);
    }
    expect(snapshots.at(-1)?.bytesPerSecond).not.toBeNull();
    progress.set({ state: 'reconnecting' });
    expect(snapshots.at(-1)).toMatchObject({ bytesPerSecond: null, secondsLeft: null });
  });

  it('stop at the end', () => {
    const { progress, snapshots } = setUp();
    progress.set({ state: 'transferring', totalBytes: 10 });
    progress.addWireBytes(10);
    vi.advanceTimersByTime(3000);
    progress.set({ state: 'done', bytes: 10 });
    expect(snapshots.at(-1)).toMatchObject({ state: 'done', seconds: 3, secondsLeft: 0 });
  });
});
