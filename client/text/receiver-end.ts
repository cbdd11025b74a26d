import type { TransferErrorCode } from '#protocol/errors.ts';
import type { TransferStatus } from '#transport/transfer-status.ts';

/** How the transfer to one receiver failed, as its sender sees it. `files given up`: it has everything else. */
export type ReceiverEnd = TransferErrorCode | 'stopped here' | 'files given up';

export function endOf({ error, files, filesDone, failedFiles }: TransferStatus): ReceiverEnd {
  if (failedFiles.length > 0 && filesDone + failedFiles.length >= files) return 'files given up';
  if (error?.code === 'cancelled' && error.source === 'local') return 'stopped here';
  return error?.code ?? 'internal';
}
