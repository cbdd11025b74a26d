import type { PeerConnection, Platform } from '#transport/platform.ts';

/** What `transport/` needs, from the browser. */
export function browserPlatform(): Platform {
  // A page's first connection takes some 30 ms, its certificate included: made while nothing else is to be done.
  let spare: RTCPeerConnection | null = null;
  const making = setTimeout(() => {
    if ('RTCPeerConnection' in globalThis) spare = new RTCPeerConnection();
  }, 0);
  return {
    channelsTellQueue: true,
    createPeerConnection: (configuration) => {
      clearTimeout(making);
      const connection = spare ?? new RTCPeerConnection();
      spare = null;
      connection.setConfiguration(configuration);
      return connection;
    },
    remoteFingerprint,
    randomBytes: (lengthBytes) => crypto.getRandomValues(new Uint8Array(lengthBytes)),
    sha256,
    soon: afterThisTurn(),
    nowMs: () => performance.now(),
  };
}

/** A timer would wait for a second in a page that is not seen; a microtask not for the turn's end. */
function afterThisTurn(): (task: () => void) => void {
  const tasks: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => tasks.shift()?.();
  return (task) => {
    tasks.push(task);
    port2.postMessage(null);
  };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/** Null where the browser shows no certificate: Firefox has this only since 153. */
async function remoteFingerprint(connection: PeerConnection): Promise<Uint8Array | null> {
  const [certificate] = connection.sctp?.transport.getRemoteCertificates?.() ?? [];
  return certificate === undefined || certificate.byteLength === 0
    ? null
    : sha256(new Uint8Array(certificate));
}
