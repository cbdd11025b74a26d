import type { Browser, Page } from '@playwright/test';

/** A bare offer, answer and channel between two pages that talk to each other at no cost. @returns ms until it is open */
export async function openingMs(browser: Browser, serverUrl: string): Promise<number> {
  const context = await browser.newContext();
  try {
    const pages: Page[] = [];
    for (let count = 0; count < 2; count += 1) {
      const page = await context.newPage();
      // Any page of one origin will do.
      await page.goto(`${serverUrl}/favicon.svg`);
      // tsx marks named functions with a helper that does not exist in a page.
      await page.evaluate('globalThis.__name = (named) => named');
      pages.push(page);
    }
    const [offerer, answerer] = pages;
    await answerer?.evaluate(answer);
    return (await offerer?.evaluate(offer)) ?? Number.NaN;
  } finally {
    await context.close();
  }
}

// Each of these runs in a page and can use nothing of this file.

function answer(): void {
  const wire = new BroadcastChannel('bare');
  const connection = new RTCPeerConnection();
  Object.assign(globalThis, { bareConnection: connection, bareWire: wire });
  connection.onicecandidate = ({ candidate }) => wire.postMessage({ candidate: candidate?.toJSON() });
  wire.onmessage = async ({ data }) => {
    if (data.sdp === undefined) return connection.addIceCandidate(data.candidate);
    await connection.setRemoteDescription({ type: 'offer', sdp: data.sdp });
    await connection.setLocalDescription();
    wire.postMessage({ sdp: connection.localDescription?.sdp });
  };
}

async function offer(): Promise<number> {
  const wire = new BroadcastChannel('bare');
  const startedMs = performance.now();
  const connection = new RTCPeerConnection();
  connection.onicecandidate = ({ candidate }) => wire.postMessage({ candidate: candidate?.toJSON() });
  wire.onmessage = async ({ data }) => {
    if (data.sdp === undefined) return connection.addIceCandidate(data.candidate);
    return connection.setRemoteDescription({ type: 'answer', sdp: data.sdp });
  };
  const channel = connection.createDataChannel('bare');
  const opened = new Promise<void>((resolve) => {
    channel.onopen = () => resolve();
  });
  await connection.setLocalDescription();
  wire.postMessage({ sdp: connection.localDescription?.sdp });
  await opened;
  const tookMs = performance.now() - startedMs;
  connection.close();
  return tookMs;
}
