import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RELAY_BURST, RELAYS_PER_SECOND } from '#protocol/signaling.ts';
import { Pace } from './signaling-pace.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Asks for `count` turns at once. */
function ask(pace: Pace, count: number) {
  const order: number[] = [];
  const refused: number[] = [];
  for (let i = 0; i < count; i += 1)
    pace.turn().then(
      () => order.push(i),
      () => refused.push(i),
    );
  return { order, refused };
}

it('lets a burst through at once and the others as fast as the server takes them, in order', async () => {
  const { order } = ask(new Pace(), RELAY_BURST + 100);
  await vi.advanceTimersByTimeAsync(0);
  expect(order).toHaveLength(RELAY_BURST);
  await vi.advanceTimersByTimeAsync(1000);
  expect(order).toHaveLength(RELAY_BURST + RELAYS_PER_SECOND);
  await vi.advanceTimersByTimeAsync(1000);
  expect(order).toEqual(Array.from({ length: RELAY_BURST + 100 }, (_, i) => i));
});

it('refuses what a flood asks for, and serves again once it is over', async () => {
  const pace = new Pace();
  const { order, refused } = ask(pace, 100_000);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(order.length).toBeLessThan(1000);
  expect(order.length + refused.length).toBe(100_000);
  expect(ask(pace, 1).refused).toEqual([]);
});
