import { createHash, randomBytes } from 'node:crypto';
import { PeerConnection as NativePeerConnection, setSctpSettings } from 'node-datachannel';
import { RTCPeerConnection } from 'node-datachannel/polyfill';
import type { PeerConnection, Platform } from '#transport/platform.ts';
import { tcpLaneMaker } from './tcp/tcp-lane-maker.ts';

/** How long what has arrived may wait for more before it is acknowledged; the library's 20 ms look like a loss to another Node peer. */
const SACK_DELAY_MS = 1;

/** A receipt costs as much as a small message: over a fast way each tells of several frames. */
const GATHER_MS = 1;

/** An association's, in each direction: no lane has more in flight. The library's 1 MiB is 16 MB/s over 50 ms. */
const SCTP_BUFFER_BYTES = 4 * 1024 * 1024;

// For every connection of this process; what is not named stays as it is. See decisions 17 and 18 in docs/decisions.
setSctpSettings({
  delayedSackTime: SACK_DELAY_MS,
  recvBufferSize: SCTP_BUFFER_BYTES,
  sendBufferSize: SCTP_BUFFER_BYTES,
});

/**
 * The platform of a Node peer: ICE, DTLS and SCTP are node-datachannel's (libdatachannel, libjuice). The polyfill is
 * built around a native connection of ours, since only that one knows the certificate that the peer presented.
 *
 * @param options.tcp whether lanes over TCP are made too, which opens ports and dials other Node peers
 */
export function nodePlatform({ tcp = false }: { readonly tcp?: boolean } = {}): Platform {
  const natives = new WeakMap<PeerConnection, NativePeerConnection>();
  let connections = 0;
  return {
    ...(tcp && { tcp: tcpLaneMaker() }),

    createPeerConnection({ iceServers = [] }) {
      connections += 1;
      const native = new NativePeerConnection(`sallyport-${connections}`, {
        iceServers: iceServers.flatMap(({ urls }) => urls).flatMap(toIceServer),
      });
      const connection: PeerConnection = new RTCPeerConnection({ iceServers: [], peerConnection: native });
      natives.set(connection, native);
      return connection;
    },

    async remoteFingerprint(connection) {
      const { value, algorithm } = natives.get(connection)?.remoteFingerprint() ?? {};
      if (algorithm !== 'sha-256' || !value) return null;
      return Uint8Array.from(value.split(':'), (octet) => Number.parseInt(octet, 16));
    },

    randomBytes: (lengthBytes) => Uint8Array.from(randomBytes(lengthBytes)),

    // In this thread: 0.6 ms a block, less than handing it to another and back.
    sha256: async (bytes) => Uint8Array.from(createHash('sha256').update(bytes).digest()),

    soon: (task) => void setTimeout(task, GATHER_MS),

    nowMs: () => performance.now(),
  };
}

/** `stun:host:port`; the library reads such an address itself, but none with an IPv6 host. TURN is not spoken yet. */
function toIceServer(url: string): { hostname: string; port: number }[] {
  const match = /^stun:(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(url);
  if (!match?.[1]) return [];
  return [{ hostname: match[1].replace(/^\[|\]$/g, ''), port: Number(match[2] ?? 3478) }];
}
