import { TransferError } from '#protocol/errors.ts';
import { formatLink, linkSecret } from '#protocol/handshake/link.ts';
import { OwnerKey } from '#protocol/handshake/owner-key.ts';
import { Manifest } from '#protocol/manifest.ts';
import { asTransferError } from './as-transfer-error.ts';
import { type CodeChange, CodeDoor } from './code-door.ts';
import type { FileSource } from './file-source.ts';
import { MAX_ABSENT_RECEIVERS, MAX_RECEIVERS } from './limits.ts';
import type { Platform } from './platform.ts';
import { Reception } from './reception.ts';
import type { Room, RoomHandlers } from './room.ts';
import { SendDriver } from './send-driver.ts';
import type { SenderRun } from './sender-run.ts';
import { SignalingClient } from './signaling-client.ts';
import { TransferProgress } from './transfer-progress.ts';
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
  /** Holds one receiver's transfer up, or lets it go on; it is told. */
  pause(receiverId: string, paused: boolean): void;
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
  readonly #manifest: Manifest;
  readonly #signaling: SignalingClient;
  readonly #door: CodeDoor;
  readonly #places = new Map<string, Place>();
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

  pause(receiverId: string, paused: boolean): void {
    const place = this.#places.get(receiverId);
    if (!place) return;
    place.paused = paused;
    if (place.driver) place.driver.pause(paused);
    // Told to the receiver when it is back.
    else place.progress.set({ paused: { here: paused, there: false } });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const cancelled = new TransferError('cancelled');
    this.#reception?.close();
    await Promise.all([
      this.#door.close(),
      this.#reception?.said,
      ...Array.from(this.#places.values(), ({ driver }) => driver?.session.end('cancelled', cancelled)),
    ]);
    for (const { progress } of this.#places.values()) progress.set({ state: 'failed', error: cancelled });
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
      hasPlace: () => this.#hasPlace,
      onReceiver: (run) => void this.#serve(run),
    });
  }

  /** One session with a receiver, from its proof to its end. */
  async #serve(run: SenderRun): Promise<void> {
    const { platform, source } = this.#options;
    const place = this.#placeOf(run.deliveryId);
    this.#receivers += 1;
    place.sessions += 1;
    try {
      const { secure, connected } = await run.meeting;
      if (this.#closed) {
        connected.lane.close();
        throw new TransferError('cancelled');
      }
      const earlier = place.driver;
      const driver = new SendDriver(secure, platform, this.#manifest, source, place.progress, () =>
        this.#signaling.refresh(),
      );
      place.driver = driver;
      earlier?.giveWay();
      driver.session.add(connected);
      if (place.paused) driver.pause(true);
      await driver.session.closed;
      if (place.driver === driver) place.driver = null;
    } catch (error) {
      // One that is served, or met, another way needed no other; one that is away for a while may try again.
      if (place.sessions === 1 && place.progress.status.state !== 'reconnecting')
        place.progress.set({ state: 'failed', error: asTransferError(error) });
    } finally {
      this.#receivers -= 1;
      place.sessions -= 1;
      if (place.sessions === 0) this.#leave(run.deliveryId, place);
    }
  }

  #placeOf(deliveryId: string): Place {
    const known = this.#places.get(deliveryId);
    if (known && known.progress.status.state !== 'failed' && known.progress.status.state !== 'done')
      return known;
    const { platform, onReceiver } = this.#options;
    const progress = new TransferProgress(
      () => platform.nowMs(),
      (status) => onReceiver({ ...status, id: deliveryId }),
    );
    const place: Place = { progress, driver: null, sessions: 0, paused: false };
    this.#places.set(deliveryId, place);
    progress.set({ state: 'connecting' });
    return place;
  }

  /** The last session of a delivery is over. One that may come back is remembered, as long as few have left after it. */
  #leave(id: string, place: Place): void {
    if (this.#places.get(id) !== place) return;
    this.#places.delete(id);
    if (place.progress.status.state !== 'reconnecting') return;
    this.#places.set(id, place);
    const absent = [...this.#places].filter(([, { sessions }]) => sessions === 0);
    for (const [longestGone, { progress }] of absent.slice(0, -MAX_ABSENT_RECEIVERS)) {
      this.#places.delete(longestGone);
      const error = new TransferError('connection-lost', 'it did not come back');
      progress.set({ state: 'failed', error });
    }
  }
}

/** Where a receiver is served, session after session. */
interface Place {
  readonly progress: TransferProgress;
  /** Null while it is away. */
  driver: SendDriver | null;
  /** Those being made, and those not quite over, with the one served. None: it is away. */
  sessions: number;
  paused: boolean;
}
