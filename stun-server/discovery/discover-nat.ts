import { lookup } from 'node:dns/promises';
import { ipAddressBytes, ipAddressText, type SocketAddress } from '../codec/ip-address.ts';
import { FRESH_SOCKETS } from '../limits.ts';
import type { NatBehaviour, Sighting, UdpBlocked } from './behaviour.ts';
import { discoverFiltering } from './filtering.ts';
import { discoverHairpin } from './hairpin.ts';
import { discoverLifetime } from './lifetime.ts';
import { classifyMapping, mappingServers } from './mapping.ts';
import { portStep, preservesPort, variesAddress } from './ports.ts';
import { localAddressTowards, ProbeSocket } from './probe-socket.ts';
import { discoverTcp } from './tcp-mapping.ts';
import { type Outcome, pacedAsk, pacer, type Reply } from './transaction.ts';

/** What a machine says that has no way to the server's network. */
const NO_WAY = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EACCES', 'EPERM']);
const BLOCKED: UdpBlocked = { reachable: false, filtering: 'blocked', tcp: null };

/**
 * Asks a STUN server with two addresses how the NATs between it and this machine behave. Takes under four seconds
 * whatever is dropped on the way; `lifetimeSeconds` adds to that.
 *
 * First some sockets that have sent nothing before ask once each, in turn: their mapped ports show how the NAT
 * chooses. Then each of them serves one test, so that none disturbs another: what a port has sent, or its NAT has
 * dropped, changes what the NAT does with it next.
 *
 * @param options.host an address or name of the server. @param options.port its primary port.
 * @param options.lifetimeSeconds asks for the lifetime of a mapping, up to this bound.
 * @throws the system's error where the name is not found (`ENOTFOUND`, `EAI_AGAIN`).
 * @see RFC 5780 sections 3 and 4
 */
export async function discoverNat(options: {
  host: string;
  port: number;
  lifetimeSeconds?: number;
}): Promise<NatBehaviour> {
  const { address } = await lookup(options.host);
  // As OTHER-ADDRESS and a datagram's source are written, to be compared with them.
  const server = { address: ipAddressText(ipAddressBytes(address)), port: options.port };
  try {
    const localAddress = await localAddressTowards(server);
    return await discoverFrom(localAddress, server, options.lifetimeSeconds);
  } catch (error) {
    if (error instanceof Error && 'code' in error && NO_WAY.has(String(error.code))) return BLOCKED;
    throw error;
  }
}

async function discoverFrom(
  localAddress: string,
  server: SocketAddress,
  lifetimeSeconds: number | undefined,
): Promise<NatBehaviour> {
  const turn = pacer();
  const ask = pacedAsk(turn);
  const sockets = await Promise.all(
    Array.from({ length: FRESH_SOCKETS }, () => ProbeSocket.open(localAddress)),
  );
  try {
    const replies = await Promise.all(sockets.map((socket) => ask(socket, server)));
    const fresh = sockets.map((socket, i) => sightingOf(socket, server, replies[i] ?? null));
    const [mapper, filterer, oneEnd, otherEnd] = sockets.flatMap((socket, i) => {
      const reply = answerOf(replies[i] ?? null);
      return reply ? [{ socket, mapped: reply.mapped, other: reply.other }] : [];
    });
    const tcp = () => discoverTcp(turn, localAddress, server);
    if (mapper === undefined) return { ...BLOCKED, tcp: await tcp() };

    const { other } = mapper;
    const elsewhere = other === null ? [] : mappingServers(server, other).slice(1);
    const [filtering, others, hairpin, tcpBehaviour, lifetime] = await Promise.all([
      other && filterer ? discoverFiltering(ask, filterer.socket, server, other) : null,
      Promise.all(elsewhere.map(async (at) => sightingOf(mapper.socket, at, await ask(mapper.socket, at)))),
      oneEnd && otherEnd ? discoverHairpin(oneEnd, otherEnd) : null,
      tcp(),
      lifetimeSeconds === undefined
        ? undefined
        : discoverLifetime(ask, localAddress, server, lifetimeSeconds),
    ]);
    const seen = [...fresh, ...others].filter((sighting) => sighting !== null);
    return {
      reachable: true,
      local: mapper.socket.local,
      other,
      mapping: classifyMapping(mapper.socket.local, [
        mapper.mapped,
        ...others.map((sighting) => sighting?.mapped ?? null),
      ]),
      filtering,
      hairpin,
      preservesPort: preservesPort(fresh),
      portStep: portStep(fresh),
      variesAddress: variesAddress(seen),
      seen,
      ...(lifetime === undefined ? {} : { lifetime }),
      tcp: tcpBehaviour,
    };
  } finally {
    for (const socket of sockets) socket.close();
  }
}

function sightingOf(socket: ProbeSocket, server: SocketAddress, outcome: Outcome): Sighting | null {
  const reply = answerOf(outcome);
  return reply && { localPort: socket.local.port, server, mapped: reply.mapped };
}

function answerOf(outcome: Outcome): Reply | null {
  return outcome === 'refused' ? null : outcome;
}
