import { describe, expect, test } from 'vitest';
import { SlotPool } from './slots.ts';

const DAY_MS = 86_400_000;

describe('SlotPool', () => {
  test('gives out short numbers, never one that is open', () => {
    const pool = new SlotPool(DAY_MS, 1000);
    const slots = Array.from({ length: 1000 }, () => pool.open(0));
    expect(new Set(slots).size).toBe(1000);
    expect(Math.min(...slots)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...slots)).toBeLessThanOrEqual(9999);
  });

  test('lets a closed one rest, and says so', () => {
    const pool = new SlotPool(1000, 10);
    const slot = pool.open(0);
    expect(pool.rests(slot, 0)).toBe(false);
    pool.close(slot, 500);
    expect(pool.rests(slot, 1499)).toBe(true);
    expect(pool.rests(slot, 1500)).toBe(false);
  });

  test('gives no number twice within the rest, and grows to six digits when crowded', () => {
    const pool = new SlotPool(DAY_MS, 20_000);
    const slots = Array.from({ length: 6000 }, (_, second) => {
      const slot = pool.open(second);
      pool.close(slot, second);
      return slot;
    });
    expect(new Set(slots).size).toBe(6000);
    const long = slots.filter((slot) => slot > 9999);
    expect(long.length).toBeGreaterThan(0);
    expect(Math.max(...long)).toBeLessThanOrEqual(999_999);
    expect(slots.slice(0, 4000).every((slot) => slot <= 9999)).toBe(true);
    expect(pool.open(DAY_MS + 6000)).toBeLessThanOrEqual(9999);
  });

  test('remembers a bounded number of resting slots', () => {
    const pool = new SlotPool(DAY_MS, 3);
    const slots = Array.from({ length: 4 }, () => pool.open(0));
    for (const slot of slots) pool.close(slot, 0);
    expect(slots.map((slot) => pool.rests(slot, 1))).toEqual([false, true, true, true]);
  });
});
