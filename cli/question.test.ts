import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TransferError } from '#protocol/errors.ts';
import { ask } from './question.ts';

let keys: PassThrough;

beforeEach(() => {
  keys = new PassThrough();
  const screen = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(keys as unknown as typeof process.stdin);
  vi.spyOn(process, 'stderr', 'get').mockReturnValue(screen as unknown as typeof process.stderr);
});

afterEach(() => vi.restoreAllMocks());

describe('a question at the terminal', () => {
  test.each([
    ['an answer', '1,3\r', '1,3'],
    ['Enter alone', '\r', ''],
    ['Ctrl-D', '\x04', null],
  ])('takes %s', async (_, typed, answer) => {
    const asked = ask('Which? ', new AbortController().signal);
    keys.write(typed);
    expect(await asked).toBe(answer);
  });

  test('takes a terminal that goes away for no answer', async () => {
    const asked = ask('Which? ', new AbortController().signal);
    keys.end();
    expect(await asked).toBeNull();
  });

  test('turns Ctrl-C into the signal that it is everywhere else', async () => {
    const interruption = new AbortController();
    const interrupt = () => interruption.abort();
    process.once('SIGINT', interrupt);
    const asked = ask('Which? ', interruption.signal);
    keys.write('\x03');
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
    process.off('SIGINT', interrupt);
  });

  test('ends with the reason for which nothing is left to answer', async () => {
    const over = new AbortController();
    const asked = ask('Which? ', over.signal);
    const gone = new TransferError('connection-lost');
    over.abort(gone);
    await expect(asked).rejects.toBe(gone);
  });
});
