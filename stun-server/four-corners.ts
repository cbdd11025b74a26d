import type { Change } from './codec/change-request.ts';
import type { SocketAddress } from './codec/ip-address.ts';
import { TCP_LIMITS, type TcpLimits } from './limits.ts';
import type { Corner } from './respond.ts';
import { listenTcp } from './tcp-listener.ts';
import { type Listener, listenUdp, type Sender } from './udp-listener.ts';

/** The corner whose number differs in bit 1 has the other IP address; in bit 0, the other port. */
const CORNERS = [0b00, 0b01, 0b10, 0b11];

/**
 * Both ports on both addresses, UDP and TCP: the four corners of RFC 5780 section 6.1. None stays open where one
 * cannot be had.
 *
 * @throws the system's error where one cannot be bound.
 */
export async function listenOnFour(primary: SocketAddress, alternate: SocketAddress): Promise<Listener[]> {
  const addressOf = (corner: number): SocketAddress => ({
    address: corner & 0b10 ? alternate.address : primary.address,
    port: corner & 0b01 ? alternate.port : primary.port,
  });
  const across = (corner: number, { ip, port }: Change) => corner ^ (ip ? 0b10 : 0) ^ (port ? 0b01 : 0);
  const senders: Sender[] = [];
  const listeners: Listener[] = [];
  try {
    for (const corner of CORNERS) {
      const { address, port } = addressOf(corner);
      const here: Omit<Corner, 'isDatagram'> = { across: (change) => addressOf(across(corner, change)) };
      const sender = (change: Change) => senders[across(corner, change)];
      const udp = await listenUdp(address, port, { ...here, isDatagram: true, sender });
      senders.push(udp);
      listeners.push(udp);
      listeners.push(await listenTcp(address, port, TCP_SHARE, { ...here, isDatagram: false }));
    }
    return listeners;
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    throw error;
  }
}

/** The server's connections in all are bounded; each corner takes its part. */
const TCP_SHARE: TcpLimits = {
  ...TCP_LIMITS,
  maxConnections: TCP_LIMITS.maxConnections / CORNERS.length,
};
