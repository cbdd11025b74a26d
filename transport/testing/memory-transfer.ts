import type { EntryId } from '#protocol/entry.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import { Manifest } from '#protocol/manifest.ts';
import type { FileSource } from '../file-source.ts';
import type { Platform } from '../platform.ts';
import { ReceiveDriver } from '../receive-driver.ts';
import { SendDriver } from '../send-driver.ts';
import type { SavedEntry, Sink } from '../sink.ts';
import { TransferProgress } from '../transfer-progress.ts';
import type { TransferStatus } from '../transfer-status.ts';
import { fetchOnce } from './fetch-once.ts';
import { type MemoryLane, pairedLanes } from './memory-lane.ts';
import { connected } from './raw-peer.ts';

/** Two honest drivers, connected by lanes in memory. */
export class MemoryTransfer {
  readonly sender: SendDriver;
  readonly receiver: ReceiveDriver;
  /** Snapshots as people would be shown them. */
  readonly sent: TransferStatus[] = [];
  readonly received: TransferStatus[] = [];
  readonly #progress: TransferProgress;
  #lanes = 0;

  constructor(
    platform: Platform,
    keys: { readonly sender: SecureSession; readonly receiver: SecureSession },
    source: FileSource,
  ) {
    const progressOf = (snapshots: TransferStatus[]) =>
      new TransferProgress(
        () => platform.nowMs(),
        (status) => snapshots.push(status),
      );
    const manifest = new Manifest(source.entries);
    const reach = { platform, iceServers: [] };
    this.sender = new SendDriver(keys.sender, reach, manifest, source, progressOf(this.sent));
    this.#progress = progressOf(this.received);
    this.receiver = new ReceiveDriver(keys.receiver, reach, this.#progress, {
      // What ends the one session ends the delivery.
      onEnd: (error) => this.#progress.set({ state: 'failed', error }),
    });
  }

  /** Fetches the chosen entries, as over one session. */
  async fetch(chosen: readonly EntryId[], sink: Sink): Promise<readonly SavedEntry[]> {
    const { saved } = await fetchOnce(this.receiver, this.#progress, chosen, sink);
    return saved;
  }

  /** One more lane; gives its two ends. */
  addLane(): { readonly sender: MemoryLane; readonly receiver: MemoryLane } {
    const [sender, receiver] = pairedLanes(`${this.#lanes++}`);
    this.sender.session.add(connected(sender));
    this.receiver.session.add(connected(receiver));
    return { sender, receiver };
  }
}
