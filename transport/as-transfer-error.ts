import { ProtocolViolation, TransferError, type TransferErrorCode } from '#protocol/errors.ts';

/**
 * Whatever was thrown, as the error that people are told of.
 * @param otherwise the code of what is neither a TransferError nor a ProtocolViolation
 */
export function asTransferError(thrown: unknown, otherwise: TransferErrorCode = 'internal'): TransferError {
  if (thrown instanceof TransferError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof ProtocolViolation) {
    return new TransferError('protocol-violation', message, { source: 'remote', cause: thrown });
  }
  return new TransferError(otherwise, message, { cause: thrown });
}
