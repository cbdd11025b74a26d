import type { FileSource } from './file-source.ts';
import type { Platform } from './platform.ts';
import type { TransferStatus } from './transfer-status.ts';

/** One receiver of a share, as its sender sees it. `id` is stable for the receiver's stay. */
export interface ReceiverStatus extends TransferStatus {
  readonly id: string;
}

/** Why a share's code changed: a code serves one receiver, and three wrong guesses burn it. */
export type CodeChange = 'opened' | 'used' | 'burnt' | 'expired' | 'lost';

export interface SharingOptions {
  readonly platform: Platform;
  /** The page's address or the server named to the CLI: where the link will point. */
  readonly serverUrl: string;
  readonly source: FileSource;
  /** Called with each code that can be handed out, or null where there is none (any longer), and why. */
  readonly onCode: (code: string | null, change: CodeChange) => void;
  readonly onReceiver: (receiver: ReceiverStatus) => void;
  /** Whether the signaling server is reached now; running transfers do not need it. */
  readonly onConnected: (connected: boolean) => void;
}

/**
 * A share being offered: holds its rooms at the signaling server and serves every receiver that proves
 * itself, each in a session of its own, until closed.
 */
export interface Sharing {
  readonly link: string;
  /** Opens a new code; the one before ends. */
  newCode(): Promise<void>;
  /** Stops offering: running transfers are cancelled and told so, the source is closed. */
  close(): Promise<void>;
}

/**
 * @throws TransferError `server-unreachable`, `server-refused`, `rate-limited`, `manifest-too-large`, `nothing-to-send`
 */
export async function startSharing(_options: SharingOptions): Promise<Sharing> {
  throw new Error('written next');
}
