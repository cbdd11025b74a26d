import type { DeliveryNames } from '../sink.ts';

/** A share's, in a delivery that is the same in every run unless a test says otherwise. */
export function namesOf(shareId: string, deliveryId = 'DDDDDDDDDDDDDDDDDDDDDA'): DeliveryNames {
  return { shareId, deliveryId };
}
