import { isIP, type Socket } from 'node:net';
import { TransferError } from '#protocol/errors.ts';
import type { TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import type { SocketAddress } from '#stun-server/codec/ip-address.ts';
import type { TcpLane, TcpLaneKeys, TcpLaneMaker, TcpMeetingPoint } from '#transport/tcp-lanes.ts';
import { dialTargets } from './dial-targets.ts';
import { machineAddresses } from './ip-ranges.ts';
import { STUN_TIMEOUT_MS } from './limits.ts';
import { Meeting } from './meeting.ts';
import { offeredAddresses } from './offered-addresses.ts';
import { askReflexiveAddress, findStunServers } from './stun-over-tcp.ts';
import { TcpPort } from './tcp-port.ts';

/**
 * TCP lanes of a Node peer. From Linux they go through NATs; elsewhere one side must be reachable.
 * @param options.isOneMachine for tests: both peers are on this machine. Never set by a peer or from outside
 */
export function tcpLaneMaker({ isOneMachine = false }: { isOneMachine?: boolean } = {}): TcpLaneMaker {
  return {
    async prepare({ stunUrls, signal }) {
      signal.throwIfAborted();
      const port = await TcpPort.open();
      const point = new MeetingPoint(port, isOneMachine);
      try {
        await point.learnAddresses(stunUrls, signal);
        return point;
      } catch (error) {
        point.close();
        throw error;
      }
    },
  };
}

class MeetingPoint implements TcpMeetingPoint {
  addresses: TcpAddresses = [];
  readonly #port: TcpPort;
  readonly #isOneMachine: boolean;
  /** Connections to STUN servers, open as long as NATs are to remember this port. */
  readonly #held: Socket[] = [];
  #meeting: Meeting | null = null;
  #closed = false;

  constructor(port: TcpPort, isOneMachine: boolean) {
    this.#port = port;
    this.#isOneMachine = isOneMachine;
  }

  /** @throws the signal's reason */
  async learnAddresses(stunUrls: readonly string[], signal: AbortSignal): Promise<void> {
    // Where dials come from another port, what a server sees of them says nothing about this one.
    const reflexive = this.#port.dialsFromHere ? await this.#askServers(stunUrls, signal) : [];
    const { own } = machineAddresses();
    this.addresses = offeredAddresses(own, this.#port.number, reflexive, this.#isOneMachine);
  }

  async meet(theirs: TcpAddresses, keys: TcpLaneKeys): Promise<TcpLane> {
    if (this.#closed) throw new TransferError('cancelled');
    const { own, broadcast } = machineAddresses();
    const here = { own, broadcast, port: this.#port.number };
    // What the wire's schema takes for an address and the platform does not leads nowhere.
    const named = theirs.filter(({ host }) => isIP(host) !== 0);
    this.#meeting = new Meeting(this.#port, named, dialTargets(named, here, this.#isOneMachine), keys);
    try {
      return await this.#meeting.lane;
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#closed = true;
    this.#meeting?.end(new TransferError('cancelled'));
    this.#port.close();
    for (const socket of this.#held) socket.resetAndDestroy();
  }

  async #askServers(stunUrls: readonly string[], signal: AbortSignal): Promise<SocketAddress[]> {
    const found: SocketAddress[] = [];
    const asking = findStunServers(stunUrls).then((servers) =>
      Promise.all(
        servers.map(async (server) => {
          if (this.#closed) return;
          const socket = this.#port.dialFromHere(server);
          this.#held.push(socket);
          const address = await askReflexiveAddress(socket);
          if (address !== null) found.push(address);
        }),
      ),
    );
    await untilDone(asking, STUN_TIMEOUT_MS, signal);
    signal.throwIfAborted();
    return found;
  }
}

/** Waits for it, but not for longer than this, nor once aborted. */
function untilDone(work: Promise<unknown>, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
    work.then(done, done);
  });
}
