import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readTarget } from './target-input.ts';

const { signal } = new AbortController();
let stdin: PassThrough;

beforeEach(() => {
  stdin = new PassThrough();
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(stdin as unknown as typeof process.stdin);
  vi.stubEnv('SALLYPORT_CODE', undefined);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test('the argument comes first, then the environment, then standard input', async () => {
  stdin.end('300-three-three-three');
  expect(await readTarget(undefined, signal)).toBe('300-three-three-three');
  vi.stubEnv('SALLYPORT_CODE', '200-two-two-two');
  expect(await readTarget(undefined, signal)).toBe('200-two-two-two');
  expect(await readTarget('100-one-one-one', signal)).toBe('100-one-one-one');
});

test('"-" asks for standard input, whatever the environment holds', async () => {
  vi.stubEnv('SALLYPORT_CODE', '200-two-two-two');
  stdin.end('300-three-three-three');
  expect(await readTarget('-', signal)).toBe('300-three-three-three');
});

describe('of standard input', () => {
  test('the first line is enough, in however many pieces it comes, and the rest is not waited for', async () => {
    for (const piece of ['\ufeff 4821-', 'apple-river', '-stone \r', '\nmore']) stdin.write(piece);
    expect(await readTarget(undefined, signal)).toBe('4821-apple-river-stone');
  });

  test('no more is read than a line can be long', async () => {
    const endless = setInterval(() => stdin.write('x'.repeat(1000)), 0);
    expect((await readTarget(undefined, signal)).length).toBeLessThan(10_000);
    clearInterval(endless);
  });

  test.each(['', '\n', '  \n4821-apple-river-stone'])('%j is nothing', async (input) => {
    stdin.end(input);
    await expect(readTarget(undefined, signal)).rejects.toMatchObject({ code: 'usage' });
  });

  test('what never comes can be given up', async () => {
    const interruption = new AbortController();
    const reading = readTarget(undefined, interruption.signal);
    interruption.abort();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
  });
});
