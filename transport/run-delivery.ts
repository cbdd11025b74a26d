import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import { asTransferError } from './as-transfer-error.ts';
import type { Delivery } from './delivery.ts';
import type { DeliveryNames, SavedEntry } from './sink.ts';
import type { TransferProgress } from './transfer-progress.ts';
import type { TransferStatus } from './transfer-status.ts';

/** How a delivery ended: `failed` files are not saved, everything else chosen is verified and on disk. */
export interface Delivered {
  readonly saved: readonly SavedEntry[];
  readonly failed: readonly { readonly path: string; readonly code: TransferErrorCode }[];
  readonly status: TransferStatus;
}

/**
 * A delivery from the opening of its sink to its end, and what people are shown of that.
 *
 * @param fetch resolves when everything that could be had is durable
 * @throws TransferError when it fails as a whole; the sink keeps what another run can go on with
 */
export async function runDelivery(
  delivery: Delivery,
  names: DeliveryNames,
  progress: TransferProgress,
  fetch: () => Promise<void>,
): Promise<Delivered> {
  progress.followFailures(delivery.failed, (path) => path);
  progress.followChanges(delivery.changed);
  try {
    await delivery.open(names);
    await fetch();
    const saved = await delivery.finish();
    const [firstFailed] = delivery.failed.values();
    if (firstFailed) progress.set({ state: 'failed', error: new TransferError(firstFailed) });
    else progress.set({ state: 'done' });
    const { status } = progress;
    return { saved, failed: status.failedFiles, status };
  } catch (error) {
    const failure = asTransferError(error, 'sink-failed');
    progress.set({ state: 'failed', error: failure });
    await delivery.interrupt();
    throw failure;
  }
}
