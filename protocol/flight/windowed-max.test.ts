import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WindowedMax } from './windowed-max.ts';

it('knows nothing before it saw something', () => {
  expect(new WindowedMax(3).value).toBeNull();
});

it('is the highest of what came within the window', () => {
  const values = fc.array(fc.record({ value: fc.nat({ max: 20 }), later: fc.nat({ max: 4 }) }), {
    minLength: 1,
  });
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 8 }), (steps, length) => {
      const max = new WindowedMax(length);
      const seen: { value: number; at: number }[] = [];
      let at = 0;
      for (const { value, later } of steps) {
        at += later;
        seen.push({ value, at });
        max.add(value, at);
        const within = seen.filter((each) => each.at > at - length).map((each) => each.value);
        expect(max.value).toBe(Math.max(...within));
      }
    }),
  );
});

it('forgets what it is told to, but never the last', () => {
  const max = new WindowedMax(10);
  for (const [at, value] of [9, 7, 5].entries()) max.add(value, at);
  max.forget(0);
  expect(max.value).toBe(7);
  max.forget(10);
  expect(max.value).toBe(5);
});
