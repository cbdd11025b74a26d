import type { TransferError, TransferErrorCode } from '#protocol/errors.ts';
import type { Route } from './lane.ts';

/**
 * Where one transfer between two peers stands.
 * `waiting`: for a person (the receiver chooses) or for the peer to come; `reconnecting`: the connection is lost or
 * silent, another is sought, and the transfer will go on from where it was; `done`: everything chosen is verified and on
 * disk; `failed`: not all of it, though single files may be (`failedFiles` names the others).
 */
export type TransferState = 'waiting' | 'connecting' | 'transferring' | 'reconnecting' | 'done' | 'failed';

/** A file that is held up by itself, and by which sides' wish. */
export interface PausedFile {
  readonly path: string;
  readonly here: boolean;
  readonly there: boolean;
}

/** A snapshot of a transfer, the same on both sides: a new object at each change, at most some 10 a second while bytes flow. */
export interface TransferStatus {
  readonly state: TransferState;
  /** Null until a lane stands. */
  readonly route: Route | null;
  readonly rttMs: number | null;
  /** Lanes that carry data now. */
  readonly lanes: number;
  /** Chosen files (folders not counted) and how many of them are finished; the sender learns the latter at the end. */
  readonly files: number;
  readonly filesDone: number;
  /** Bytes verified and on disk at the receiver, those of earlier runs included. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** File data that crossed the network in this run, whether it was of use or not. */
  readonly wireBytes: number;
  /** Bytes per second over the last seconds; null until there is something to say. */
  readonly bytesPerSecond: number | null;
  /** Null while unknown. */
  readonly secondsLeft: number | null;
  /** Since data first flowed. */
  readonly seconds: number;
  /** Files given up, each with its reason; the others go on. */
  readonly failedFiles: readonly { readonly path: string; readonly code: TransferErrorCode }[];
  /** Files of which the sender has other bytes than in an earlier session: those were fetched anew. */
  readonly changedFiles: readonly string[];
  /** Which sides hold the transfer up by a person's wish. */
  readonly paused: { readonly here: boolean; readonly there: boolean };
  /** Files held up by themselves; whoever lets all go on leaves them so. */
  readonly pausedFiles: readonly PausedFile[];
  /** Set exactly when `state` is `failed`. */
  readonly error: TransferError | null;
}
