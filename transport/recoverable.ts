import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';

/** What is over for now: the same two peers may meet again, and go on. */
const RECOVERABLE: ReadonlySet<TransferErrorCode> = new Set([
  'connection-lost',
  'peer-silent',
  'no-route',
  'sender-gone',
  'room-full',
  'rate-limited',
  'server-full',
  'server-unreachable',
]);

export function isRecoverable(error: unknown): boolean {
  return error instanceof TransferError && RECOVERABLE.has(error.code);
}
