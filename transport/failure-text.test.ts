import { expect, test } from 'vitest';
import { errorText } from '#protocol/error-text.ts';
import { TransferError } from '#protocol/errors.ts';
import { failureText } from './failure-text.ts';

test('who did not cancel is told that the other side did', () => {
  const remote = new TransferError('cancelled', 'the other side ended it', { source: 'remote' });
  expect(failureText(remote)).toBe('The other side cancelled the transfer.');
  expect(failureText(new TransferError('cancelled'))).toBe(errorText('cancelled'));
});

test('every other end is its code’s sentence, wherever it arose', () => {
  for (const source of ['local', 'remote'] as const)
    expect(failureText(new TransferError('disk-full', 'full', { source }))).toBe(errorText('disk-full'));
});
