import type { MemoryFile } from './memory-file.ts';

/** An interrupted delivery in memory. */
export interface ShelvedDelivery {
  readonly body: MemoryFile;
  readonly journal: MemoryFile;
  readonly deliveryId: string;
}

/** Interrupted deliveries that are in memory, by share: for as long as the page lives. */
export type MemoryShelf = Map<string, ShelvedDelivery>;
