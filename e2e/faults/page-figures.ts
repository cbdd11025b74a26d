/** What runs inside pages: functions that stand alone, as only their text gets there. */

/** What a page under test has besides its own. */
export type CountingPage = typeof globalThis & { wireBytes: number; figures: () => PageFigures };

/** What a page shows, and what it does not. */
export interface PageFigures {
  /** Of a hundred parts of all that was chosen. */
  readonly parts: number;
  readonly wireBytes: number;
}

/**
 * Counts what is sent and received in data channels, in messages that can hold file data: every frame but the last
 * of a file carries 64 KiB, and what is said besides is smaller than this. For `addInitScript`.
 */
export function countFigures(): void {
  const LEAST_BYTES = 1024;
  const page = globalThis as CountingPage;
  page.wireBytes = 0;
  page.figures = () => {
    const shown = document.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow');
    const parts = Number(shown ?? 0);
    // Before it is known how much there is, all of it is there.
    return { parts: page.wireBytes === 0 && parts === 100 ? 0 : parts, wireBytes: page.wireBytes };
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
