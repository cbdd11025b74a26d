import type { EntryId } from '#protocol/entry.ts';
import type { TransferErrorCode } from '#protocol/errors.ts';
import type { ContainerItem } from './container.ts';

/** What a page asks of the worker that writes its delivery; answered one by one, in order. */
export type OpfsCall =
  | {
      readonly type: 'open';
      readonly placeId: string;
      readonly items: readonly ContainerItem[];
      /** What stays of the journal that is there, and what is then appended. */
      readonly journal: { readonly keepBytes: number; readonly append: Uint8Array<ArrayBuffer> };
    }
  | {
      readonly type: 'read';
      readonly entry: EntryId;
      readonly offset: number;
      readonly lengthBytes: number;
    }
  | {
      readonly type: 'write';
      readonly entry: EntryId;
      readonly offset: number;
      /** Transferred. */
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly leaf: Uint8Array;
    }
  | { readonly type: 'commit' | 'discard'; readonly entry: EntryId }
  /** Leaves a gap where an earlier run had laid out this entry. */
  | { readonly type: 'leaveOut'; readonly entry: EntryId }
  | { readonly type: 'finish' }
  | { readonly type: 'flush' }
  /** Lets go of the files as they stand. */
  | { readonly type: 'close' };

export type OpfsAnswer =
  /** `held` answers `finish`: what the container holds; `bytes` answer `read`. */
  | { readonly ok: true; readonly held: readonly EntryId[]; readonly bytes: Uint8Array<ArrayBuffer> | null }
  | { readonly ok: false; readonly code: TransferErrorCode; readonly detail: string };
