import { TransferError } from '#protocol/errors.ts';
import { formatLink, linkSecret } from '#protocol/handshake/link.ts';
import { OwnerKey } from '#protocol/handshake/owner-key.ts';
import { Manifest } from '#protocol/manifest.ts';
import { asTransferError } from './as-transfer-error.ts';
import { type CodeChange, CodeDoor } from './code-door.ts';
import type { FileSource } from './file-source.ts';
import { MAX_RECEIVERS } from './limits.ts';
import type { Platform } from './platform.ts';
import { Reception } from './reception.ts';
import type { Room } from './room.ts';
import { SendDriver } from './send-driver.ts';
import type { SenderRun } from './sender-run.ts';
import { SignalingClient } from './signaling-client.ts';
import { TransferProgress } from './transfer-progress.ts';
import type { TransferStatus } from './transfer-status.ts';

/** One receiver of a share, as its sender sees it. `id` is stable for the receiver's stay. */
export interface ReceiverStatus extends TransferStatus {
  readonly id: string;
}

export interface SharingOptions {
  readonly platform: Platform;
  /** The page's address or the server named to the CLI, with its last slash: where the link will point. */
  readonly serverUrl: string;
  /** Closed with the share; the caller's again where `startSharing` throws. */
  readonly source: FileSource;
  /** Called with each code that can be handed out, or null where there is none (any longer), and why. */
  readonly onCode: (code: string | null, change: CodeChange) => void;
  readonly onReceiver: (receiver: ReceiverStatus) => void;
  /** Whether the signaling server is reached now; running transfers do not need it. */
  readonly onConnected: (connected: boolean) => void;
  /** Nobody can find the share any more (the server ended its room); running transfers go on. */
  readonly onUnreachable: (error: TransferError) => void;
}

/**
 * A share being offered: holds its rooms at the signaling server and serves every receiver that proves
 * itself, each in a session of its own, until closed.
 */
export interface Sharing {
  readonly link: string;
  /** Opens a new code; the one before ends. @throws TransferError as `startSharing` */
  newCode(): Promise<void>;
  /** Stops offering: running transfers are cancelled and told so, and the source is closed. */
  close(): Promise<void>;
}

/**
 * Resolves when the link can be handed out and the first code has been told by `onCode`.
 * @throws TransferError `nothing-to-send`, `manifest-too-large`, `unsafe-path`, `server-unreachable`, `server-refused`,
 *   `rate-limited`
 */
export async function startSharing(options: SharingOptions): Promise<Sharing> {
  const { platform, serverUrl } = options;
  const manifest = new Manifest(options.source.entries);
  const owner = new OwnerKey(platform.randomBytes(32));
  const signaling = SignalingClient.connect(serverUrl, {
    randomBytes: (lengthBytes) => platform.randomBytes(lengthBytes),
  });
  try {
    return await OpenShare.open(options, manifest, owner, signaling);
  } catch (error) {
    signaling.close();
    throw error;
  }
}

class OpenShare implements Sharing {
  readonly link: string;
  readonly #options: SharingOptions;
  readonly #manifest: Manifest;
  readonly #signaling: SignalingClient;
  readonly #door: CodeDoor;
  readonly #drivers = new Set<SendDriver>();
  #reception: Reception | null = null;
  #receivers = 0;
  #closed = false;

  static async open(
    options: SharingOptions,
    manifest: Manifest,
    owner: OwnerKey,
    signaling: SignalingClient,
  ): Promise<OpenShare> {
    const iceServers = await signaling.fetchIceServers();
    const share = new OpenShare(options, manifest, owner, signaling, iceServers);
    await share.#joinLinkRoom(owner, iceServers);
    await share.newCode();
    return share;
  }

  private constructor(
    options: SharingOptions,
    manifest: Manifest,
    owner: OwnerKey,
    signaling: SignalingClient,
    iceServers: RTCIceServer[],
  ) {
    this.#options = options;
    this.#manifest = manifest;
    this.#signaling = signaling;
    const { platform, serverUrl, onCode } = options;
    this.link = formatLink({ serverUrl, k: owner.k });
    this.#door = new CodeDoor({
      signaling,
      platform,
      owner,
      iceServers,
      onCode,
      hasPlace: () => this.#hasPlace,
      onReceiver: (run) => void this.#serve(run),
    });
  }

  newCode(): Promise<void> {
    return this.#door.open('opened');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const cancelled = new TransferError('cancelled');
    this.#reception?.close();
    await Promise.all([
      this.#door.close(),
      this.#reception?.said,
      ...Array.from(this.#drivers, ({ session }) => session.end('cancelled', cancelled)),
    ]);
    this.#signaling.close();
    await this.#options.source.close();
  }

  get #hasPlace(): boolean {
    return !this.#closed && this.#receivers < MAX_RECEIVERS;
  }

  async #joinLinkRoom(owner: OwnerKey, iceServers: RTCIceServer[]): Promise<void> {
    const secret = linkSecret(owner.k);
    const { platform, onConnected, onUnreachable } = this.#options;
    let reception: Reception | null = null;
    const room: Room = await this.#signaling.joinAsSender(secret.roomName, {
      onMember: () => {},
      onMemberLeft: (member) => reception?.memberLeft(member),
      onRelay: (from, payload) => reception?.hear(from, payload),
      onClosed: (code) => onUnreachable(new TransferError(code)),
      onConnected,
    });
    this.#reception = reception = new Reception({
      secret,
      owner,
      platform,
      iceServers,
      room,
      hasPlace: () => this.#hasPlace,
      onReceiver: (run) => void this.#serve(run),
    });
  }

  /** One receiver, from its proof to its end. */
  async #serve(run: SenderRun): Promise<void> {
    const { platform, source, onReceiver } = this.#options;
    const progress = new TransferProgress(
      () => platform.nowMs(),
      (status) => onReceiver({ ...status, id: run.id }),
    );
    this.#receivers += 1;
    try {
      progress.set({ state: 'connecting' });
      const { secure, connected } = await run.meeting;
      if (this.#closed) {
        connected.lane.close();
        throw new TransferError('cancelled');
      }
      const driver = new SendDriver(secure, platform, this.#manifest, source, progress);
      this.#drivers.add(driver);
      driver.session.add(connected);
      await driver.session.closed;
      this.#drivers.delete(driver);
    } catch (error) {
      progress.set({ state: 'failed', error: asTransferError(error) });
    } finally {
      this.#receivers -= 1;
    }
  }
}
