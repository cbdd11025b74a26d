import { randomBytes } from 'node:crypto';
import { vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import type { TransferError, TransferErrorCode } from '#protocol/errors.ts';
import type { CodeChange } from '#transport/code-door.ts';
import type { Receiving } from '#transport/opened-share.ts';
import type { Platform } from '#transport/platform.ts';
import { openShare, type ReceivingOptions } from '#transport/receiving.ts';
import type { Delivered } from '#transport/run-delivery.ts';
import { type ReceiverStatus, type Sharing, startSharing } from '#transport/sharing.ts';
import { MemorySource } from '#transport/testing/memory-files.ts';
import { WatchedSink } from '#transport/testing/watched-sink.ts';
import type { TransferState, TransferStatus } from '#transport/transfer-status.ts';

/** A name that nobody but sender and receiver may ever see. */
export const SECRET_NAME = 'the secret plan.txt';

export const FILES = [
  { path: SECRET_NAME, content: randomBytes(40) },
  { path: 'folder/large', content: randomBytes(3 * 1024 * 1024 + 7) },
  { path: 'empty', content: new Uint8Array(0) },
];

/** Resolves with what `check` gives once it no longer throws. Real connections take their time on a busy machine. */
export const eventually = <T>(check: () => T): Promise<T> =>
  vi.waitFor(check, { timeout: 15_000, interval: 10 });

/** A share of a real sender, and what its owner is shown of it. */
export class HonestSender {
  readonly sharing: Sharing;
  readonly codes: [string | null, CodeChange][];
  /** Every snapshot of each receiver. */
  readonly receivers: Map<string, ReceiverStatus[]>;

  private constructor(sharing: Sharing, codes: HonestSender['codes'], receivers: HonestSender['receivers']) {
    this.sharing = sharing;
    this.codes = codes;
    this.receivers = receivers;
  }

  static async start(
    serverUrl: string,
    { files = FILES, platform = nodePlatform() }: { files?: typeof FILES; platform?: Platform } = {},
  ): Promise<HonestSender> {
    const codes: HonestSender['codes'] = [];
    const receivers: HonestSender['receivers'] = new Map();
    const sharing = await startSharing({
      platform,
      serverUrl,
      source: new MemorySource(files),
      onCode: (code, change) => codes.push([code, change]),
      onReceiver: (status) => void receivers.set(status.id, [...(receivers.get(status.id) ?? []), status]),
      onConnected: () => {},
      onUnreachable: () => {},
    });
    return new HonestSender(sharing, codes, receivers);
  }

  get code(): string {
    return this.codes.at(-1)?.[0] ?? '';
  }

  target(by: 'link' | 'code'): string {
    return by === 'link' ? this.sharing.link : this.code;
  }

  /** Every state that any receiver was ever in. */
  get states(): Set<TransferState> {
    return new Set([...this.receivers.values()].flat().map(({ state }) => state));
  }

  /** How each receiver ended, or where it is. */
  get outcomes(): (TransferErrorCode | TransferState)[] {
    return [...this.receivers.values()].map((snapshots) => {
      const last = snapshots.at(-1) as ReceiverStatus;
      return last.error?.code ?? last.state;
    });
  }
}

/** A real receiver that takes everything. */
export class HonestReceiver {
  readonly sink = new WatchedSink();
  readonly statuses: TransferStatus[] = [];
  readonly receiving: Promise<Receiving>;
  readonly delivery: Promise<Delivered>;

  constructor(serverUrl: string, target: string, options: Partial<ReceivingOptions> = {}) {
    this.receiving = openShare({
      platform: nodePlatform(),
      serverUrl,
      target,
      onStatus: (status) => this.statuses.push(status),
      ...options,
    });
    this.delivery = this.receiving.then((receiving) =>
      receiving.accept(
        receiving.offer.entries.map((_, id) => id),
        this.sink,
      ),
    );
    this.delivery.catch(() => {});
  }

  /** `done`, or why not. */
  async outcome(): Promise<TransferErrorCode | 'done'> {
    try {
      const { failed } = await this.delivery;
      return failed[0]?.code ?? 'done';
    } catch (error) {
      return (error as TransferError).code ?? `not a TransferError: ${error}`;
    }
  }

  /** Whether exactly these files stand under their final names, byte for byte. */
  hasSaved(files: typeof FILES): boolean {
    return (
      this.sink.files.size === files.length &&
      files.every(({ path, content }) =>
        Buffer.from(this.sink.files.get(path) ?? [256]).equals(Buffer.from(content)),
      )
    );
  }
}
