import { lookup } from 'node:dns/promises';
import type { Socket } from 'node:net';
import {
  decodeBindingResponse,
  encodeBindingRequest,
  randomTransactionId,
} from '#stun-server/codec/binding.ts';
import { Framing } from '#stun-server/codec/framing.ts';
import type { SocketAddress } from '#stun-server/codec/ip-address.ts';
import { MAX_STUN_MESSAGE_BYTES, MAX_STUN_SERVERS } from './limits.ts';

const STUN_URL = /^stun:(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/;
const STUN_PORT = 3478;

/** The servers of these URLs by their IPv4 addresses, as it is IPv4 that NATs hide; those without are left out. */
export async function findStunServers(urls: readonly string[]): Promise<SocketAddress[]> {
  const found = urls.slice(0, MAX_STUN_SERVERS).map(async (url) => {
    const [, , host, port = STUN_PORT] = STUN_URL.exec(url) ?? [];
    if (host === undefined) return [];
    const { address } = await lookup(host, { family: 4 });
    return [{ address, port: Number(port) }];
  });
  const settled = await Promise.allSettled(found);
  return settled.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

/**
 * Asks the STUN server at the other end of a connection, which is being made or stands, where it sees this one.
 * The connection stays open: as long as it does, a NAT remembers what it has made of its port.
 * @returns null where no proper answer comes before the connection ends
 */
export function askReflexiveAddress(socket: Socket): Promise<SocketAddress | null> {
  const transactionId = randomTransactionId();
  const framing = new Framing(MAX_STUN_MESSAGE_BYTES);
  return new Promise((resolve) => {
    socket.once('close', () => resolve(null));
    socket.on('data', (chunk) => {
      const { messages, lost } = framing.push(chunk);
      if (lost) return void socket.destroy();
      for (const message of messages) {
        const outcome = decodeBindingResponse(message, transactionId);
        if (outcome !== null) resolve(outcome.kind === 'mapped' ? outcome.address : null);
      }
    });
    socket.write(encodeBindingRequest(transactionId));
  });
}
