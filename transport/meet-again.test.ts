import { expect, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import type { Meeting } from './first-lane.ts';
import { MEET_AGAIN_DELAY_MS } from './limits.ts';
import { meetSenderAgain } from './meet-again.ts';
import { pass, settled, useFakeTime } from './testing/fake-time.ts';

useFakeTime();

const MEETING = {} as Meeting;
const TIMEOUT_MS = 10_000;

/** Each attempt takes as long as that, and ends as that; the last of them for ever. */
function attempts(...ends: readonly (readonly [afterMs: number, end: TransferErrorCode | Meeting])[]) {
  const made = {
    count: 0,
    attempt: async (signal: AbortSignal): Promise<Meeting> => {
      const [afterMs, end] = ends[Math.min(made.count, ends.length - 1)] ?? [0, MEETING];
      made.count += 1;
      await new Promise((resolve) => {
        setTimeout(resolve, afterMs);
        signal.addEventListener('abort', resolve);
      });
      if (typeof end === 'string') throw new TransferError(end);
      return end;
    },
  };
  return made;
}

const platform = nodePlatform();
const goesOn = Promise.resolve(true);

test('no way through is sought again, however long, while the sender is there', async () => {
  const made = attempts(
    [20_000, 'no-route'],
    [20_000, 'no-route'],
    [20_000, 'no-route'],
    [100, 'connection-lost'],
    [100, MEETING],
  );
  const { value, ms } = await settled(
    meetSenderAgain(made.attempt, { platform, goesOn, senderTimeoutMs: TIMEOUT_MS }),
    100_000,
  );
  expect(value).toBe(MEETING);
  expect(made.count).toBe(5);
  expect(ms).toBe(60_200 + 4 * MEET_AGAIN_DELAY_MS);
});

test('a sender who is not there is not waited for longer than by anybody else', async () => {
  const made = attempts([TIMEOUT_MS, 'sender-gone']);
  const meeting = meetSenderAgain(made.attempt, { platform, goesOn, senderTimeoutMs: TIMEOUT_MS });
  await expect(settled(meeting)).rejects.toMatchObject({ code: 'sender-gone' });
  expect(made.count).toBe(1);
});

test('what lasts longer than the patience ends it, and with its own reason', async () => {
  const made = attempts([3000, 'server-unreachable']);
  const meeting = meetSenderAgain(made.attempt, { platform, goesOn, senderTimeoutMs: TIMEOUT_MS });
  await expect(settled(meeting)).rejects.toMatchObject({ code: 'server-unreachable' });
  expect(made.count).toBe(3);
});

test('without a limit it is tried until it is cancelled', async () => {
  const stopping = new AbortController();
  const made = attempts([15_000, 'sender-gone']);
  const meeting = meetSenderAgain(made.attempt, { platform, goesOn, signal: stopping.signal });
  meeting.catch(() => {});
  await pass(100_000);
  expect(made.count).toBeGreaterThan(5);
  stopping.abort();
  await expect(settled(meeting)).rejects.toMatchObject({ code: 'cancelled' });
  const { count } = made;
  await pass(100_000);
  expect(made.count).toBe(count);
});

test('what no other attempt can change is said at once', async () => {
  const made = attempts([0, 'tampered']);
  await expect(settled(meetSenderAgain(made.attempt, { platform, goesOn }))).rejects.toMatchObject({
    code: 'tampered',
  });
  expect(made.count).toBe(1);
  const aborted = meetSenderAgain(made.attempt, { platform, goesOn, signal: AbortSignal.abort() });
  await expect(settled(aborted)).rejects.toMatchObject({ code: 'cancelled' });
});

test('of a delivery that is new the first attempt is the only one, however it ends', async () => {
  const made = attempts([100, 'no-route'], [100, MEETING]);
  const isNew = { platform, goesOn: Promise.resolve(false) };
  await expect(settled(meetSenderAgain(made.attempt, isNew))).rejects.toMatchObject({ code: 'no-route' });
  expect(made.count).toBe(1);
});
