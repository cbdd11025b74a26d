import type { Entry, EntryId } from '#protocol/entry.ts';
import type { TransferErrorCode } from '#protocol/errors.ts';
import type { Platform } from './platform.ts';
import type { SavedEntry, Sink } from './sink.ts';
import type { TransferStatus } from './transfer-status.ts';

/** What the sender offers, whole and checked, before a byte of any file has flowed. An entry's id is its index. */
export interface Offer {
  readonly entries: readonly Entry[];
  readonly files: number;
  readonly totalBytes: number;
}

export interface ReceivingOptions {
  readonly platform: Platform;
  /** For a code, which names no server; a link names its own. */
  readonly serverUrl: string;
  /** A link or a code, as a person typed or pasted it. */
  readonly target: string;
  readonly onStatus: (status: TransferStatus) => void;
  /** Aborting cancels, tells the sender, and aborts the sink. */
  readonly signal?: AbortSignal;
}

/** How a delivery ended: `failed` files are not saved, everything else chosen is verified and on disk. */
export interface Delivery {
  readonly saved: readonly SavedEntry[];
  readonly failed: readonly { readonly path: string; readonly code: TransferErrorCode }[];
  readonly status: TransferStatus;
}

/** A share as its receiver sees it, after the handshake. */
export interface Receiving {
  readonly offer: Offer;
  /** The share's link, also where a code was typed: what to open again after an interruption. */
  readonly link: string;
  /**
   * Fetches the chosen entries (ids; parents of chosen files need not be named) into the sink. Once.
   * @throws TransferError when the transfer as a whole fails; the sink has been aborted then.
   */
  accept(chosen: readonly EntryId[], sink: Sink): Promise<Delivery>;
  /** Takes nothing; the sender is told. */
  decline(): Promise<void>;
}

/**
 * Finds the sender, proves who is who, and fetches the manifest.
 * Where a link's sender is not there now it waits for it (state `waiting`) until the signal aborts.
 * @throws TransferError `link-malformed`, `code-malformed`, `wrong-code`, `code-used`, `sender-gone`, `room-full`,
 *   `version-mismatch`, `tampered`, `impostor`, `no-route`, `server-unreachable`, `cancelled`, …
 */
export async function openShare(_options: ReceivingOptions): Promise<Receiving> {
  throw new Error('written next');
}
