import { constants, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, createSecureContext, TLSSocket, type TLSSocketOptions, type TlsOptions } from 'node:tls';
import { encodeBase64url } from '#protocol/handshake/base64url.ts';
import type { TcpLaneKeys } from '#transport/tcp-lanes.ts';
import { PROOF_TIMEOUT_MS } from './limits.ts';
import { TlsLane } from './tls-lane.ts';

const LANE_ID = /^tcp-[\w-]{16}$/;
const EXPORT_LABEL = 'EXPERIMENTAL sallyport lane';
const EXPORTED_BYTES = 32;

const secureContext = createSecureContext({
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
  // No certificate has a part in this, and loading the platform's authorities takes milliseconds.
  ca: [],
  secureOptions: constants.SSL_OP_NO_TICKET,
});

/**
 * Makes a lane of a TCP connection, which it takes over: TLS with the session's key, whoever dialled, and both proofs.
 * @returns the lane, or null where the other end is not the session's peer, or takes too long to show it
 * @see docs/handshake.md "Lanes over TLS"
 */
export async function secureConnection(raw: Socket, keys: TcpLaneKeys): Promise<TlsLane | null> {
  if (raw.destroyed) return null;
  const deadline = setTimeout(() => raw.destroy(), PROOF_TIMEOUT_MS);
  try {
    return await (keys.role === 'receiver' ? asClient(raw, keys) : asServer(raw, keys));
  } catch {
    raw.destroy();
    return null;
  } finally {
    clearTimeout(deadline);
  }
}

async function asClient(raw: Socket, keys: TcpLaneKeys): Promise<TlsLane> {
  const laneId = `tcp-${encodeBase64url(randomBytes(12))}`;
  const socket = connect({
    socket: raw,
    secureContext,
    pskCallback: () => ({ identity: laneId, psk: keys.tlsPsk(laneId) }),
    // Asked only where a certificate was presented: without this, one that some authority signed would do.
    checkServerIdentity: () => new Error('the peer presented a certificate'),
  });
  await established(socket, 'secureConnect');
  if (!socket.isSessionReused()) throw new Error('the peer does not have the key');
  return prove(socket, laneId, keys);
}

async function asServer(raw: Socket, keys: TcpLaneKeys): Promise<TlsLane> {
  let laneId: string | null = null;
  const options: TLSSocketOptions & Pick<TlsOptions, 'pskCallback'> = {
    isServer: true,
    secureContext,
    pskCallback: (_socket, identity) => {
      if (!LANE_ID.test(identity)) return null;
      laneId = identity;
      return keys.tlsPsk(identity);
    },
  };
  const socket = new TLSSocket(raw, options);
  await established(socket, 'secure');
  // Resumed by a ticket: then no key was asked for.
  if (laneId === null) throw new Error('the peer named no lane');
  return prove(socket, laneId, keys);
}

async function prove(socket: TLSSocket, laneId: string, keys: TcpLaneKeys): Promise<TlsLane> {
  const lane = new TlsLane(laneId, socket);
  const exported = socket.exportKeyingMaterial(EXPORTED_BYTES, EXPORT_LABEL, Buffer.alloc(0));
  lane.send(keys.tlsLaneProof(laneId, exported));
  if (keys.checkTlsLaneProof(laneId, exported, await lane.next())) return lane;
  throw new Error('the peer’s proof does not hold');
}

function established(socket: TLSSocket, event: 'secureConnect' | 'secure'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('the connection closed')));
  });
}
