import { afterEach, expect, test, vi } from 'vitest';
import { readTarget } from './target-input.ts';

const signal = new AbortController().signal;

afterEach(() => {
  vi.unstubAllEnvs();
});

test('the argument comes first', async () => {
  vi.stubEnv('SALLYPORT_CODE', '200-two-two-two');
  expect(await readTarget('100-one-one-one', signal)).toBe('100-one-one-one');
});

test('then the environment', async () => {
  vi.stubEnv('SALLYPORT_CODE', '200-two-two-two');
  expect(await readTarget(undefined, signal)).toBe('200-two-two-two');
});
