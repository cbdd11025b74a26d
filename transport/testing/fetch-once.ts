import type { Entry, EntryId } from '#protocol/entry.ts';
import { asTransferError } from '../as-transfer-error.ts';
import { Delivery } from '../delivery.ts';
import type { ReceiveDriver } from '../receive-driver.ts';
import { type Delivered, runDelivery } from '../run-delivery.ts';
import type { Sink } from '../sink.ts';
import type { TransferProgress } from '../transfer-progress.ts';
import { namesOf } from './delivery-names.ts';

/** A delivery over one session alone: what ends that ends the delivery. */
export async function fetchOnce(
  driver: ReceiveDriver,
  progress: TransferProgress,
  chosen: readonly EntryId[],
  sink: Sink,
): Promise<Delivered> {
  const entries = await driver.offer.catch((error) => {
    progress.set({ state: 'failed', error });
    throw error;
  });
  const delivery = new Delivery(
    chosen.map((id) => ({ id, entry: entries[id] as Entry })),
    sink,
  );
  const fetch = async (): Promise<void> => {
    await driver.fetch(delivery).catch((error) => {
      // What is durable stays, whatever the session's end is.
      if (!delivery.finished) throw error;
    });
  };
  try {
    return await runDelivery(delivery, namesOf('share'), progress, fetch);
  } catch (error) {
    const failure = asTransferError(error);
    void driver.session.end(failure.code === 'disk-full' ? 'disk-full' : 'sink-failed', failure);
    throw error;
  }
}
