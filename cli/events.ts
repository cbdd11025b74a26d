import type { SkipReason } from '#node-peer/folder-walk.ts';
import type { TransferErrorCode } from '#protocol/errors.ts';
import type { Route } from '#transport/lane.ts';
import type { Verdict } from './verify.ts';

/**
 * What a command says, one after the other; with `--json` each is one line on standard output.
 * A contract with scripts: see docs/cli.md.
 */
export type CliEvent =
  | {
      readonly event: 'listening';
      readonly url: string;
      readonly stun: string;
      readonly fingerprint?: string;
    }
  | { readonly event: 'skipped'; readonly path: string; readonly reason: SkipReason }
  | { readonly event: 'link'; readonly url: string; readonly code: string | null }
  | {
      readonly event: 'code';
      readonly code: string | null;
      readonly reason: 'opened' | 'used' | 'burnt' | 'expired';
    }
  | { readonly event: 'server'; readonly connected: boolean }
  /** An unfinished share is offered again; `others` more are left. */
  | { readonly event: 'resumed'; readonly paths: readonly string[]; readonly others: number }
  | { readonly event: 'waiting' }
  | { readonly event: 'offer'; readonly files: number; readonly totalBytes: number }
  | {
      readonly event: 'session';
      readonly route: Route;
      readonly rttMs: number | null;
      readonly receiver?: string;
    }
  /** Some of what was chosen is here from earlier runs. */
  | {
      readonly event: 'continuing';
      readonly bytes: number;
      readonly totalBytes: number;
      readonly what: string;
    }
  /** The connection is lost or silent, and another is sought. */
  | {
      readonly event: 'reconnecting';
      readonly bytes: number;
      readonly totalBytes: number;
      readonly receiver?: string;
    }
  | {
      readonly event: 'reconnected';
      readonly bytes: number;
      readonly totalBytes: number;
      readonly receiver?: string;
    }
  /** Who holds the transfer up now; neither: it goes on. */
  | {
      readonly event: 'paused';
      readonly here: boolean;
      readonly there: boolean;
      readonly receiver?: string;
    }
  /** The sender has another file by that name and size than before an interruption: it was fetched anew. */
  | { readonly event: 'changed'; readonly path: string; readonly receiver?: string }
  | {
      readonly event: 'progress';
      readonly bytes: number;
      readonly totalBytes: number;
      readonly wireBytes: number;
      readonly bytesPerSecond: number | null;
      readonly secondsLeft: number | null;
      /** That stand now. */
      readonly lanes: number;
      readonly receiver?: string;
    }
  | {
      readonly event: 'failed';
      readonly path: string;
      readonly code: TransferErrorCode;
      readonly message: string;
      readonly receiver?: string;
    }
  /** A name of the share's that was taken or could not be where it is saved, and what it is saved as. */
  | { readonly event: 'renamed'; readonly path: string; readonly savedAs: string }
  | {
      readonly event: 'done';
      readonly bytes: number;
      readonly wireBytes: number;
      readonly files: number;
      readonly seconds: number;
      readonly route: Route | null;
      readonly lanes: number;
      /** Where it was saved; on the receiving side only. */
      readonly folder?: string;
      readonly receiver?: string;
    }
  /** A receiver has ended its transfer by its own wish, and may go on by the same link. */
  | { readonly event: 'stopped'; readonly receiver: string }
  /** The transfer is unfinished, and by which command it is gone on with. */
  | { readonly event: 'resumable'; readonly command: string }
  | { readonly event: 'verified'; readonly path: string; readonly verdict: Verdict }
  | ({ readonly event: 'summary' } & { readonly [V in Verdict]: number })
  | {
      readonly event: 'error';
      readonly code: TransferErrorCode;
      readonly message: string;
      readonly detail?: string;
      readonly receiver?: string;
    };

/** Where a command's events go: lines for programs, or sentences for people. */
export interface Output {
  say(event: CliEvent): void;
}
