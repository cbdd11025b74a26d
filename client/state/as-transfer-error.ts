import { TransferError } from '#protocol/errors.ts';

/** What was thrown, for people. A mistake of our own is reported to the console as well. */
export function asTransferError(thrown: unknown): TransferError {
  if (thrown instanceof TransferError) return thrown;
  reportError(thrown);
  return new TransferError('internal', String(thrown), { cause: thrown });
}
