import type { EntryId } from '#protocol/entry.ts';
import type { TransferErrorCode } from '#protocol/errors.ts';
import type { ContainerItem } from './container.ts';

/** What a page asks of the worker that writes its transfer; answered one by one, in order. */
export type OpfsCall =
  | { readonly type: 'open'; readonly transferId: string; readonly items: readonly ContainerItem[] }
  | {
      readonly type: 'write';
      readonly entry: EntryId;
      readonly offset: number;
      /** Transferred. */
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  | { readonly type: 'commit' | 'discard'; readonly entry: EntryId }
  | { readonly type: 'finish' }
  /** Lets go of the container as it stands. */
  | { readonly type: 'close' };

export type OpfsAnswer =
  /** `held` answers `finish`: what the container holds. */
  | { readonly ok: true; readonly held: readonly EntryId[] }
  | { readonly ok: false; readonly code: TransferErrorCode; readonly detail: string };
