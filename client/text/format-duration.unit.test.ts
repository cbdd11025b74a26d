import { expect, test } from 'vitest';
import { formatDuration } from './format-duration.ts';

test.each([
  [0, '1 s'],
  [0.2, '1 s'],
  [59, '59 s'],
  [59.1, '1 min'],
  [61, '2 min'],
  [3599, '1 h'],
  [4800, '1 h 20 min'],
  [86_399, '1 day'],
  [90_000, '1 day 1 h'],
  [172_801, '2 days 1 h'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});
