import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';

/** The system's name of an error, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * What a failed call to the disk means for a transfer. The detail names `path`, not the spelling by which the call
 * reached it.
 * @param code where the disk is not simply full
 */
export function diskError(cause: unknown, path: string, code: TransferErrorCode): TransferError {
  if (cause instanceof TransferError) return cause;
  const system = systemCode(cause);
  const [what] = cause instanceof Error ? cause.message.split(', ') : [String(cause)];
  const isFull = system === 'ENOSPC' || system === 'EDQUOT';
  return new TransferError(isFull ? 'disk-full' : code, `${path}: ${what}`, { cause });
}
