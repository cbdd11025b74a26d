import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { decodeBindingResponse, encodeBindingRequest, randomTransactionId } from '../codec/binding.ts';
import { Framing } from '../codec/framing.ts';
import type { SocketAddress } from '../codec/ip-address.ts';
import { decodeMessage } from '../codec/message.ts';
import { readOtherAddress } from '../codec/other-address.ts';
import { MAX_REQUEST_BYTES, TCP_PROBE_TIMEOUT_MS } from '../limits.ts';
import type { TcpBehaviour } from './behaviour.ts';
import { classifyMapping, mappingServers } from './mapping.ts';

interface TcpReply {
  readonly mapped: SocketAddress;
  readonly other: SocketAddress | null;
}

/**
 * How connections from one local port to the server's addresses are mapped: tests I to III of RFC 5780 section 4.3
 * over TCP. The first one stays open until the last has its answer, so that one mapping can serve all.
 *
 * @param turn gives each connection its moment.
 * @returns null where the server is not reached over TCP.
 */
export async function discoverTcp(
  turn: () => Promise<void>,
  localAddress: string,
  server: SocketAddress,
): Promise<TcpBehaviour> {
  const local = { address: localAddress, port: await freePort(localAddress) };
  const sockets: Socket[] = [];
  const ask = async (to: SocketAddress) => {
    await turn();
    // Every connection names the port, the first one too: then the system lets them share it.
    const socket = connect({
      host: to.address,
      port: to.port,
      localAddress,
      localPort: local.port,
      noDelay: true,
    });
    sockets.push(socket);
    return replyOn(socket);
  };
  try {
    const first = await ask(server);
    if (first === null) return null;
    if (first.other === null) return { mapping: classifyMapping(local, [first.mapped]) };
    const [, ...others] = mappingServers(server, first.other);
    const replies = await Promise.all(others.map(ask));
    return {
      mapping: classifyMapping(local, [first.mapped, ...replies.map((reply) => reply?.mapped ?? null)]),
    };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function replyOn(socket: Socket): Promise<TcpReply | null> {
  const transactionId = randomTransactionId();
  const framing = new Framing(MAX_REQUEST_BYTES);
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), TCP_PROBE_TIMEOUT_MS);
    // 'close' follows.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(null);
    });
    socket.on('data', (chunk) => {
      const { messages, lost } = framing.push(chunk);
      for (const message of messages) {
        const outcome = decodeBindingResponse(message, transactionId);
        const decoded = decodeMessage(message);
        if (outcome?.kind !== 'mapped' || decoded === null) continue;
        clearTimeout(timer);
        resolve({ mapped: outcome.address, other: readOtherAddress(decoded) });
      }
      if (lost) socket.destroy();
    });
    socket.write(encodeBindingRequest(transactionId));
  });
}

async function freePort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  server.close();
  await once(server, 'close');
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}
