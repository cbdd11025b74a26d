import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Change } from './codec/change-request.ts';
import { UDP_RECEIVE_BUFFER_BYTES } from './limits.ts';
import { type Corner, respond } from './respond.ts';

/** A bound port, until closed. */
export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** A bound port that can send. */
export interface Sender {
  send(bytes: Uint8Array, port: number, address: string): void;
}

/** One of four sockets that answer for one another. */
export interface UdpCorner extends Corner {
  /** The socket whose address differs from this one's as said; none while it is being bound. */
  sender(change: Change): Sender | undefined;
}

/**
 * Answers Binding requests on UDP. `::` takes IPv4 too.
 *
 * @param host an IP address.
 * @param port 0 for any free one.
 * @param corner which of the server's four addresses this is, where it has four.
 * @throws the system's error (`EADDRINUSE`, `EACCES`, …) where it cannot bind.
 */
export async function listenUdp(host: string, port: number, corner?: UdpCorner): Promise<Listener & Sender> {
  const family = isIPv6(host) ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    // Every address is one already. dns.lookup, which Node asks before each send, costs 9 % of the requests per second.
    lookup: (address, _options, callback) => callback(null, address, family),
  });
  socket.on('message', (bytes, source) => {
    const answer = respond(bytes, source, corner);
    if (answer === null) return;
    const from = corner === undefined ? socket : corner.sender(answer.change);
    // Without a callback a failed send (unreachable, refused, a broadcast source) is dropped, as UDP may.
    from?.send(answer.bytes, answer.port, source.address);
  });
  try {
    // Before bind, which with this lookup reports at once.
    const listening = once(socket, 'listening');
    socket.bind(port, host);
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  // What ICMP says of a sender who has gone is no reason to stop.
  socket.on('error', () => {});
  enlargeReceiveBuffer(socket);
  return {
    port: socket.address().port,
    send: (bytes, port, address) => socket.send(bytes, port, address),
    close: async () => {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

function enlargeReceiveBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(UDP_RECEIVE_BUFFER_BYTES);
  } catch {
    // Linux clamps to its maximum; BSD and macOS refuse more than theirs, and the default serves.
  }
}
