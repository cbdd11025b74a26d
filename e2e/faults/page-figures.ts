/** What runs inside pages: functions that stand alone, as only their text gets there. */

import type { Figures } from './person.ts';

/** What a page under test has besides its own. */
export type CountingPage = typeof globalThis & { wireBytes: number; figures: () => Figures };

/**
 * Counts what is sent and received in data channels, in messages that can hold file data: every frame but the last
 * of a file carries 64 KiB, and what is said besides is smaller than this. For `addInitScript`.
 */
export function countFigures(): void {
  const LEAST_BYTES = 1024;
  /** Of the 100 parts in which a page shows its progress, each is half a block of the files here. */
  const PART_BYTES = 512 * 1024;
  const page = globalThis as CountingPage;
  page.wireBytes = 0;
  page.figures = () => {
    const shown = document.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow');
    const bytes = Number(shown ?? 0) * PART_BYTES;
    // Before it is known how much there is, all of it is there.
    return { bytes: page.wireBytes === 0 && shown === '100' ? 0 : bytes, wireBytes: page.wireBytes };
  };
  const count = (data: { byteLength?: number; size?: number }): void => {
    const bytes = data.byteLength ?? data.size ?? 0;
    if (bytes > LEAST_BYTES) page.wireBytes += bytes;
  };
  const watch = (channel: RTCDataChannel): RTCDataChannel => {
    channel.addEventListener('message', ({ data }) => count(data));
    return channel;
  };
  const { send } = RTCDataChannel.prototype;
  RTCDataChannel.prototype.send = function (data: never): void {
    count(data);
    send.call(this, data);
  };
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      this.addEventListener('datachannel', ({ channel }) => void watch(channel));
    }
    override createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
      return watch(super.createDataChannel(label, options));
    }
  };
}
