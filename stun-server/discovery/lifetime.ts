import { setTimeout as sleep } from 'node:timers/promises';
import type { SocketAddress } from '../codec/ip-address.ts';
import { responsePort } from '../codec/response-port.ts';
import { LIFETIME_STEPS } from '../limits.ts';
import type { Lifetime } from './behaviour.ts';
import { ProbeSocket } from './probe-socket.ts';
import type { Ask } from './transaction.ts';

/**
 * How long an idle mapping lasts: each of several sockets asks once and rests for a time of its own; then another
 * socket has the server answer to its mapped port (RESPONSE-PORT). Takes `boundSeconds` and about five more.
 *
 * @param localAddress of this machine.
 * @returns null where even a mapping just made is not reached so: the server does not do RESPONSE-PORT.
 * @see RFC 5780 section 4.6
 */
export async function discoverLifetime(
  ask: Ask,
  localAddress: string,
  server: SocketAddress,
  boundSeconds: number,
): Promise<Lifetime | null> {
  const rests = Array.from({ length: LIFETIME_STEPS + 1 }, (_, i) => (boundSeconds * i) / LIFETIME_STEPS);
  const alive = await Promise.all(rests.map((seconds) => isAliveAfter(ask, localAddress, server, seconds)));
  const gone = alive.indexOf(false);
  if (gone === 0) return null;
  if (gone === -1) return { aliveSeconds: boundSeconds, goneSeconds: null };
  return { aliveSeconds: rests[gone - 1] ?? 0, goneSeconds: rests[gone] ?? null };
}

async function isAliveAfter(ask: Ask, localAddress: string, server: SocketAddress, seconds: number) {
  const [resting, waking] = await Promise.all([
    ProbeSocket.open(localAddress),
    ProbeSocket.open(localAddress),
  ]);
  try {
    const reply = await ask(resting, server);
    if (reply === null || reply === 'refused') return false;
    await sleep(seconds * 1000);
    return (await ask(waking, server, [responsePort(reply.mapped.port)], resting)) !== null;
  } finally {
    resting.close();
    waking.close();
  }
}
