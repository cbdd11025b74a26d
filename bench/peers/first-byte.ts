import type { Page } from '@playwright/test';

/** All in ms since the page began to load. */
export interface Arrival {
  /** When its script first turned to the network, or was through at the latest. */
  readonly openedMs: number;
  /** When it showed the offer, which is taken in the same moment. */
  readonly offeredMs: number;
  /** When the first message with the file's bytes arrived. */
  readonly firstByteMs: number;
}

/**
 * Opens a link in a page that has opened nothing yet, and takes what is offered.
 * @param head what the file begins with, by which its data is known among all that comes over data channels
 */
export async function watchFirstByte(page: Page, url: string, head: readonly number[]): Promise<Arrival> {
  // tsx marks named functions with a helper that does not exist in a page.
  await page.addInitScript('globalThis.__name = (named) => named');
  await page.addInitScript(watch, head);
  await page.goto(url, { waitUntil: 'commit' });
  // A page that has its channels in a worker keeps them from being seen, and this from ending.
  const arrival = await page.waitForFunction(
    () => (globalThis as unknown as { benchArrival?: Arrival }).benchArrival,
    undefined,
    { polling: 50 },
  );
  return (await arrival.jsonValue()) as Arrival;
}

// Runs in the page and can use nothing of this file.
function watch(head: readonly number[]): void {
  const marks: { openedMs?: number; offeredMs?: number } = {};
  const open = () => {
    marks.openedMs ??= performance.now();
  };
  document.addEventListener('DOMContentLoaded', open);
  for (const name of ['fetch', 'WebSocket'] as const) {
    const native = globalThis[name] as typeof fetch & typeof WebSocket;
    Object.assign(globalThis, {
      [name]: new Proxy(native, {
        apply: (target, receiver, words) => {
          open();
          return Reflect.apply(target, receiver === undefined ? globalThis : receiver, words);
        },
        construct: (target, words) => {
          open();
          return Reflect.construct(target, words);
        },
      }),
    });
  }
  new MutationObserver((_, observer) => {
    const save = document.querySelector<HTMLButtonElement>('[data-testid=save-all]:enabled');
    if (save === null) return;
    observer.disconnect();
    marks.offeredMs = performance.now();
    save.click();
  }).observe(document, { subtree: true, childList: true, attributes: true });

  // One character for each byte.
  const spell = (bytes: Uint8Array) => new TextDecoder('x-user-defined').decode(bytes);
  const needle = spell(Uint8Array.from(head));
  const listen = (channel: RTCDataChannel) =>
    channel.addEventListener('message', async ({ data }: MessageEvent<ArrayBuffer | Blob | string>) => {
      const atMs = performance.now();
      if (typeof data === 'string') return;
      const bytes = new Uint8Array(data instanceof Blob ? await data.arrayBuffer() : data);
      if (!spell(bytes).includes(needle)) return;
      Object.assign(globalThis, { benchArrival: { ...marks, firstByteMs: atMs } });
    });
  const Native = RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      this.addEventListener('datachannel', ({ channel }) => listen(channel));
    }
    override createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
      const channel = super.createDataChannel(label, options);
      listen(channel);
      return channel;
    }
  };
}
