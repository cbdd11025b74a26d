import { TransferError } from '#protocol/errors.ts';
import { formatLink, linkSecret } from '#protocol/handshake/link.ts';
import { OwnerKey } from '#protocol/handshake/owner-key.ts';
import { rehearseHandshake } from '#protocol/handshake/rehearse.ts';
import { Manifest } from '#protocol/manifest.ts';
import { type CodeChange, CodeDoor } from './code-door.ts';
import type { FileSource } from './file-source.ts';
import { Places } from './places.ts';
import type { Platform } from './platform.ts';
import { Reception } from './reception.ts';
import type { Room, RoomHandlers } from './room.ts';
import type { SenderRun } from './sender-run.ts';
import { SignalingClient } from './signaling-client.ts';
import type { TransferStatus } from './transfer-status.ts';

/** One receiver of a share, as its sender sees it. `id` is stable for its delivery, however often it comes back. */
export interface ReceiverStatus extends TransferStatus {
  readonly id: string;
}

export interface SharingOptions {
  readonly platform: Platform;
  /** The page's address or the server named to the CLI, with its last slash: where the link will point. */
  readonly serverUrl: string;
  /** 32 secret bytes that are the share's own: the same ones give the same link. Random ones where it is left out. */
  readonly ownerSeed?: Uint8Array;
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
  /** Holds one receiver's transfer up, or one file of it, or lets it go on; it is told. */
  pause(receiverId: string, paused: boolean, path?: string): void;
  /**
   * Ends one receiver's transfer, which then has failed as `cancelled`; or gives up one file of it, and the others go on.
   * It is told, or will be when it is back.
   */
  cancel(receiverId: string, path?: string): void;
  /** Paths of the files that a receiver waits for now: some thousands at most. While it is away, those it waited for. */
  underWay(receiverId: string): ReadonlySet<string>;
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
  const owner = new OwnerKey(options.ownerSeed ?? platform.randomBytes(32));
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
  readonly #signaling: SignalingClient;
  readonly #door: CodeDoor;
  readonly #places: Places;
  #reception: Reception | null = null;
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
    // The link is told first.
    setTimeout(() => rehearseHandshake((lengthBytes) => options.platform.randomBytes(lengthBytes)), 0);
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
    this.#signaling = signaling;
    const { platform, source, serverUrl, onCode, onReceiver } = options;
    this.#places = new Places({
      platform,
      manifest,
      source,
      onReceiver,
      onSilent: () => signaling.check(),
    });
    this.link = formatLink({ serverUrl, k: owner.k });
    this.#door = new CodeDoor({
      signaling,
      platform,
      owner,
      iceServers,
      onCode,
      hasPlace: () => this.#places.hasRoom,
      onReceiver: (run) => this.#serve(run),
    });
  }

  newCode(): Promise<void> {
    return this.#door.open('opened');
  }

  pause(receiverId: string, paused: boolean, path?: string): void {
    this.#places.pause(receiverId, paused, path);
  }

  cancel(receiverId: string, path?: string): void {
    this.#places.cancel(receiverId, path);
  }

  underWay(receiverId: string): ReadonlySet<string> {
    return this.#places.underWay(receiverId);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reception?.close();
    await Promise.all([this.#door.close(), this.#reception?.said, this.#places.close()]);
    this.#signaling.close();
    await this.#options.source.close();
  }

  async #joinLinkRoom(owner: OwnerKey, iceServers: RTCIceServer[]): Promise<void> {
    const secret = linkSecret(owner.k);
    const { platform, onConnected, onUnreachable } = this.#options;
    let reception: Reception | null = null;
    const handlers: RoomHandlers = {
      onMember: () => {},
      onMemberLeft: (member) => reception?.memberLeft(member),
      onRelay: (from, payload) => reception?.hear(from, payload),
      onClosed: (code) => onUnreachable(new TransferError(code)),
      onConnected,
    };
    const room: Room = await this.#signaling.joinAsSender(secret.roomName, handlers, owner.claim);
    this.#reception = reception = new Reception({
      secret,
      owner,
      platform,
      iceServers,
      room,
      hasPlace: () => this.#places.hasRoom,
      onReceiver: (run) => this.#serve(run),
    });
  }

  #serve(run: SenderRun): void {
    void this.#places.serve(run.deliveryId, run.meeting);
  }
}
