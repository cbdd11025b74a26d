import type { EntryId } from '#protocol/entry.ts';
import type { TransferErrorCode } from '#protocol/errors.ts';
import type { Layout } from './layout.ts';

/** What a page asks of the worker that writes its delivery: in batches, each answered by one of as many answers, in order. */
export type OpfsCall =
  | {
      readonly type: 'open';
      readonly placeId: string;
      readonly layout: Pick<Layout, 'items' | 'numbers' | 'journal'>;
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
  | { readonly type: 'finish'; readonly isArchive: boolean }
  | { readonly type: 'flush' }
  /** Lets go of the files as they stand. */
  | { readonly type: 'close' };

export type OpfsAnswer =
  /** `held` answers `finish`: what the container holds; `bytes` answer `read`. */
  | { readonly ok: true; readonly held: readonly EntryId[]; readonly bytes: Uint8Array<ArrayBuffer> | null }
  | { readonly ok: false; readonly code: TransferErrorCode; readonly detail: string };
