import type { Page } from '@playwright/test';

/**
 * One bare data channel between two pages, pumped as fast as it goes.
 * @returns seconds from the first byte received to the last
 */
export async function bareChromiumSeconds(sender: Page, receiver: Page, bytes: number): Promise<number> {
  // tsx marks named functions with a helper that does not exist in a page.
  for (const page of [sender, receiver]) await page.evaluate('globalThis.__name = (named) => named');
  const offer = await sender.evaluate(openSender, bytes);
  const answer = await receiver.evaluate(openReceiver, { offer, bytes });
  await sender.evaluate(start, answer);
  return receiver.evaluate(() => (globalThis as unknown as { bareSeconds: Promise<number> }).bareSeconds);
}

// Each of these runs in a page and can use nothing of this file.

async function openSender(bytes: number): Promise<string> {
  const connection = new RTCPeerConnection();
  const channel = connection.createDataChannel('bare');
  const message = new Uint8Array(64 * 1024);
  let sent = 0;
  const pump = () => {
    while (sent < bytes && channel.bufferedAmount < 4 * 1024 * 1024) {
      channel.send(message);
      sent += message.length;
    }
  };
  channel.bufferedAmountLowThreshold = 1024 * 1024;
  channel.onbufferedamountlow = pump;
  channel.onopen = pump;
  await connection.setLocalDescription();
  await new Promise<void>((resolve) => {
    connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
  });
  Object.assign(globalThis, { bareConnection: connection });
  return connection.localDescription?.sdp ?? '';
}

async function openReceiver({ offer, bytes }: { offer: string; bytes: number }): Promise<string> {
  const connection = new RTCPeerConnection();
  const bareSeconds = new Promise<number>((resolve) => {
    connection.ondatachannel = ({ channel }) => {
      channel.binaryType = 'arraybuffer';
      let received = 0;
      let startedMs = 0;
      channel.onmessage = ({ data }) => {
        if (received === 0) startedMs = performance.now();
        received += (data as ArrayBuffer).byteLength;
        if (received < bytes) return;
        resolve((performance.now() - startedMs) / 1000);
        connection.close();
      };
    };
  });
  Object.assign(globalThis, { bareConnection: connection, bareSeconds });
  await connection.setRemoteDescription({ type: 'offer', sdp: offer });
  await connection.setLocalDescription();
  await new Promise<void>((resolve) => {
    if (connection.iceGatheringState === 'complete') resolve();
    connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
  });
  return connection.localDescription?.sdp ?? '';
}

async function start(answer: string): Promise<void> {
  const { bareConnection } = globalThis as unknown as { bareConnection: RTCPeerConnection };
  await bareConnection.setRemoteDescription({ type: 'answer', sdp: answer });
}
