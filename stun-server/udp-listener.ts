import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { UDP_RECEIVE_BUFFER_BYTES } from './limits.ts';
import { respond } from './respond.ts';

/** A bound port, until closed. */
export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Answers Binding requests on UDP. `::` takes IPv4 too.
 *
 * @param host an IP address.
 * @param port 0 for any free one.
 * @throws the system's error (`EADDRINUSE`, `EACCES`, …) where it cannot bind.
 */
export async function listenUdp(host: string, port: number): Promise<Listener> {
  const family = isIPv6(host) ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    // Every address is one already. dns.lookup, which Node asks before each send, costs 9 % of the requests per second.
    lookup: (address, _options, callback) => callback(null, address, family),
  });
  socket.on('message', (bytes, source) => {
    const response = respond(bytes, source);
    // Without a callback a failed send (unreachable, refused, a broadcast source) is dropped, as UDP may.
    if (response !== null) socket.send(response, source.port, source.address);
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
