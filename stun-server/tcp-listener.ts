import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Framing } from './codec/framing.ts';
import { MAX_REQUEST_BYTES, type TcpLimits } from './limits.ts';
import { originOf } from './origin.ts';
import { type Corner, respond } from './respond.ts';
import type { Listener } from './udp-listener.ts';

/**
 * Answers Binding requests on TCP, as many as a connection brings, in order. `::` takes IPv4 too.
 *
 * @param host an IP address.
 * @param port 0 for any free one.
 * @param corner which of the server's four addresses this is, where it has four.
 * @throws the system's error (`EADDRINUSE`, `EACCES`, …) where it cannot listen.
 */
export async function listenTcp(
  host: string,
  port: number,
  limits: TcpLimits,
  corner?: Corner,
): Promise<Listener> {
  const connections = new Set<Socket>();
  const connectionsByOrigin = new Map<string, number>();
  const server = createServer({ noDelay: true });
  server.maxConnections = limits.maxConnections;
  server.on('connection', (socket) => {
    const { remoteAddress, remotePort } = socket;
    // Reset before it was accepted.
    if (remoteAddress === undefined || remotePort === undefined) return socket.destroy();
    const origin = originOf(remoteAddress);
    const held = connectionsByOrigin.get(origin) ?? 0;
    if (held >= limits.maxConnectionsPerAddress) return socket.destroy();
    connectionsByOrigin.set(origin, held + 1);
    connections.add(socket);
    socket.once('close', () => {
      connections.delete(socket);
      const left = (connectionsByOrigin.get(origin) ?? 0) - 1;
      if (left === 0) connectionsByOrigin.delete(origin);
      else connectionsByOrigin.set(origin, left);
    });
    const source = { address: remoteAddress, port: remotePort };
    serve(socket, (message) => respond(message, source, corner)?.bytes ?? [], limits.messageDeadlineMs);
  });
  server.listen(port, host);
  await once(server, 'listening');
  // A failed accept (out of file descriptors) loses that connection alone.
  server.on('error', () => {});
  return {
    port: portOf(server),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

function serve(
  socket: Socket,
  answer: (message: Uint8Array) => Uint8Array | [],
  messageDeadlineMs: number,
): void {
  const framing = new Framing(MAX_REQUEST_BYTES);
  const deadline = setTimeout(() => socket.destroy(), messageDeadlineMs);
  socket.once('close', () => clearTimeout(deadline));
  // A reset ends this connection alone; 'close' follows.
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    const { messages, lost } = framing.push(chunk);
    if (messages.length > 0) deadline.refresh();
    const responses = messages.flatMap(answer);
    // A client that asks and does not read is not read from either.
    if (responses.length > 0 && !socket.write(Buffer.concat(responses))) socket.pause();
    if (lost) {
      socket.removeAllListeners('data');
      socket.destroySoon();
    }
  });
  socket.on('drain', () => socket.resume());
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
