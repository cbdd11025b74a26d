import type { Page } from '@playwright/test';
import type { BareEnd, Load, Moved } from './channel.ts';

/** An end in a page. @param stun as host:port, for peers that are not of one browser: `.local` names reach no further */
export function pageEnd(page: Page, stun?: string): BareEnd {
  const servers: RTCIceServer[] = stun === undefined ? [] : [{ urls: `stun:${stun}` }];
  return {
    offer: async (load) => {
      await makeReady(page);
      return page.evaluate(openSender, { load, servers });
    },
    answer: async (offer, load) => {
      await makeReady(page);
      return page.evaluate(openReceiver, { offer, load, servers });
    },
    accept: (answer) => page.evaluate(accept, answer),
    moved: () => page.evaluate(() => (globalThis as unknown as { bareMoved: Promise<Moved> }).bareMoved),
    [Symbol.asyncDispose]: () => page.evaluate(close),
  };
}

/** tsx marks named functions with a helper that does not exist in a page. */
async function makeReady(page: Page): Promise<void> {
  await page.evaluate('globalThis.__name = (named) => named');
}

// Each of these runs in a page and can use nothing of this file.

async function openSender({ load, servers }: { load: Load; servers: RTCIceServer[] }): Promise<string> {
  const connection = new RTCPeerConnection({ iceServers: servers });
  const channel = connection.createDataChannel('bare');
  const message = new Uint8Array(64 * 1024);
  let sent = 0;
  const pump = () => {
    while (sent < load.bytes && channel.readyState === 'open' && channel.bufferedAmount < 4 * 1024 * 1024) {
      channel.send(message);
      sent += message.length;
    }
  };
  channel.bufferedAmountLowThreshold = 1024 * 1024;
  channel.onbufferedamountlow = pump;
  channel.onopen = pump;
  Object.assign(globalThis, { bareConnection: connection });
  const gathered = new Promise<void>((resolve) => {
    connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
  });
  await connection.setLocalDescription();
  await gathered;
  return connection.localDescription?.sdp ?? '';
}

async function openReceiver(options: {
  offer: string;
  load: Load;
  servers: RTCIceServer[];
}): Promise<string> {
  const connection = new RTCPeerConnection({ iceServers: options.servers });
  const bareMoved = new Promise<Moved>((resolve) => {
    connection.ondatachannel = ({ channel }) => {
      channel.binaryType = 'arraybuffer';
      let bytes = 0;
      let startedMs = 0;
      channel.onmessage = ({ data }) => {
        const nowMs = performance.now();
        // The first message starts the clock and does not count.
        if (startedMs === 0) startedMs = nowMs;
        else bytes += (data as ArrayBuffer).byteLength;
        const seconds = (nowMs - startedMs) / 1000;
        if (bytes + 64 * 1024 >= options.load.bytes || seconds >= options.load.seconds)
          resolve({ bytes, seconds });
      };
    };
  });
  Object.assign(globalThis, { bareConnection: connection, bareMoved });
  const gathered = new Promise<void>((resolve) => {
    connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
  });
  await connection.setRemoteDescription({ type: 'offer', sdp: options.offer });
  await connection.setLocalDescription();
  await gathered;
  return connection.localDescription?.sdp ?? '';
}

async function accept(answer: string): Promise<void> {
  const { bareConnection } = globalThis as unknown as { bareConnection: RTCPeerConnection };
  await bareConnection.setRemoteDescription({ type: 'answer', sdp: answer });
}

function close(): void {
  const { bareConnection } = globalThis as unknown as { bareConnection?: RTCPeerConnection };
  bareConnection?.close();
}
