import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lab, openLab } from './lab.ts';
import type { Network } from './network.ts';
import { describeInNamespaces } from './testing/namespaces.ts';
import { type Endpoint, Prober } from './testing/prober.ts';

const LAN = '192.168.1.0/24';

const NETWORK: Network = {
  routers: {
    dropping: { nat: 'port', lan: LAN, hosts: { alice: {}, anna: {} } },
    rejecting: { nat: 'port', unclaimed: 'reject', hosts: { rita: {} } },
    accepting: { nat: 'port', unclaimed: 'accept', hosts: { abel: {} } },
    turning: { nat: 'port', lan: LAN, hairpin: true, hosts: { henry: {}, hilda: {} } },
    cafe: { nat: 'port', isolatesHosts: true, hosts: { guest: {}, other: {} } },
    mute: { nat: 'port', outbound: 'udp-dropped', hosts: { max: {} } },
    gruff: { nat: 'port', outbound: 'udp-rejected', hosts: { greta: {} } },
    office: { nat: 'port', outbound: 'only-tcp-443', hosts: { olga: {} } },
    carrier: {
      nat: 'port',
      routers: { east: { nat: 'port', hosts: { eve: {} } }, west: { nat: 'port', hosts: { walt: {} } } },
    },
    turner: {
      nat: 'port',
      hairpin: true,
      routers: { north: { nat: 'port', hosts: { nina: {} } }, south: { nat: 'port', hosts: { sam: {} } } },
    },
  },
  hosts: { bob: {} },
};

/** Nothing listens there. */
const CLOSED_PORT = 9;

describeInNamespaces('a router', () => {
  let lab: Lab;
  const probers = new Map<string, Prober>();
  const at = (name: string): Prober => {
    const prober = probers.get(name) ?? new Prober(lab.host(name));
    probers.set(name, prober);
    return prober;
  };
  const wan = (name: string, port: number): Endpoint => ({ address: lab.router(name).ipv4[0] ?? '', port });
  const address = (name: string): string => lab.host(name).ipv4[0] ?? '';
  /** Answers at once that nothing is there. */
  const refusing = (): Endpoint => ({ address: address('bob'), port: CLOSED_PORT });

  beforeAll(async () => {
    lab = await openLab(NETWORK);
  });
  afterAll(() => lab.close());

  /** A socket on a host, and where the server sees it. */
  async function mapped(name: string) {
    const [socket, server] = await Promise.all([at(name).udp(), at('server').udp()]);
    await socket.send('hello', { address: address('server'), port: server.port });
    const { text: _, ...seen } = await server.next();
    return { socket, server, seen };
  }

  /** Whether what is sent there reaches a socket before what its server, which may write to it, sends later. */
  async function reaches(from: string, target: Awaited<ReturnType<typeof mapped>>): Promise<boolean> {
    const sender = await at(from).udp();
    await sender.send('from a stranger', target.seen);
    await target.server.send('from the server', target.seen);
    const { text } = await target.socket.next();
    return text === 'from a stranger';
  }

  describe('lets out', () => {
    test('UDP, and lets in who answers, but no stranger', async () => {
      const alice = await mapped('alice');
      expect(alice.seen.address).toBe(wan('dropping', 0).address);
      expect(await reaches('bob', alice)).toBe(false);
    });

    test('TCP', async () => {
      const port = await at('server').listen();
      const connection = await at('alice').tcp({ address: address('server'), port });
      await connection.send('echo');
      expect((await connection.next()).text).toBe('echo');
    });

    test('its own programs', async () => {
      const router = new Prober(lab.router('dropping'));
      expect(await router.knock('tcp', refusing())).toBe('ECONNREFUSED');
    });
  });

  describe('by its address inside and outside', () => {
    test('hosts on one LAN reach one another, and not by their address outside', async () => {
      const alice = await mapped('alice');
      const anna = await at('anna').udp();
      await anna.send('neighbour', { address: address('alice'), port: alice.socket.port });
      expect(await alice.socket.next()).toEqual({
        text: 'neighbour',
        address: address('anna'),
        port: anna.port,
      });
      expect(await reaches('anna', alice)).toBe(false);
    });

    test('where it hairpins, by their address outside as well, and are seen as from there', async () => {
      const [henry, hilda] = await Promise.all([mapped('henry'), mapped('hilda')]);
      await hilda.socket.send('round the bend', henry.seen);
      expect(await henry.socket.next()).toEqual({ text: 'round the bend', ...hilda.seen });
      await henry.socket.send('and back', hilda.seen);
      expect(await hilda.socket.next()).toEqual({ text: 'and back', ...henry.seen });
    });

    test('where it keeps them apart, they reach the router and the world alone', async () => {
      const guest = await mapped('guest');
      const other = await at('other').udp();
      expect((await lab.host('other').run('ping', ['-c', '1', '-W', '5', '10.0.5.1'])).status).toBe(0);
      await other.send('not seen', { address: address('guest'), port: guest.socket.port });
      await guest.server.send('seen', guest.seen);
      expect((await guest.socket.next()).text).toBe('seen');
    });

    test('hosts with the same address in two homes reach one another from outside', async () => {
      expect(address('alice')).toBe(address('henry'));
      const [alice, henry] = await Promise.all([mapped('alice'), mapped('henry')]);
      // The first opens the way for the second, and is lost.
      await alice.socket.send('lost', henry.seen);
      await henry.socket.send('found', alice.seen);
      expect(await alice.socket.next()).toEqual({ text: 'found', ...henry.seen });
    });
  });

  describe('answers strangers', () => {
    test.each([
      ['dropping', 'silence', 'silence'],
      ['rejecting', 'ECONNREFUSED', 'ECONNREFUSED'],
      ['accepting', 'ECONNREFUSED', 'ECONNREFUSED'],
    ])('%s: UDP %s, TCP %s', async (router, udp, tcp) => {
      expect(await at('server').knock('udp', wan(router, CLOSED_PORT), refusing())).toBe(udp);
      expect(await at('server').knock('tcp', wan(router, CLOSED_PORT), refusing())).toBe(tcp);
    });

    test.each([
      ['dropping', 'silence'],
      ['rejecting', 'ECONNREFUSED'],
      ['accepting', 'open'],
    ])('%s: where a program of its own listens, TCP %s', async (router, answer) => {
      const port = await new Prober(lab.router(router)).listen();
      expect(await at('server').knock('tcp', wan(router, port), refusing())).toBe(answer);
    });
  });

  describe('lets out less', () => {
    const https = (): Endpoint => ({ address: address('bob'), port: 443 });

    test('udp-dropped: UDP ends in silence, TCP goes through', async () => {
      expect(await at('max').knock('udp', refusing(), { protocol: 'tcp', ...refusing() })).toBe('silence');
      expect(await at('max').knock('tcp', refusing())).toBe('ECONNREFUSED');
    });

    test('udp-rejected: UDP is refused by the router, TCP goes through', async () => {
      const [{ port }, tcpPort] = await Promise.all([at('server').udp(), at('server').listen()]);
      expect(await at('greta').knock('udp', { address: address('server'), port })).toBe('ECONNREFUSED');
      expect(await at('greta').knock('tcp', { address: address('server'), port: tcpPort })).toBe('open');
    });

    test('only-tcp-443: everything else ends in silence', async () => {
      expect(await at('olga').knock('tcp', refusing(), { protocol: 'tcp', ...https() })).toBe('silence');
      expect(await at('olga').knock('udp', https(), { protocol: 'tcp', ...https() })).toBe('silence');
      expect(await at('olga').knock('tcp', https())).toBe('ECONNREFUSED');
    });
  });

  describe('behind a carrier', () => {
    test('homes do not reach one another by the carrier’s address', async () => {
      const eve = await mapped('eve');
      expect(eve.seen.address).toBe(wan('carrier', 0).address);
      expect(await reaches('walt', eve)).toBe(false);
    });

    test('where it hairpins, they do once both have written', async () => {
      const [nina, sam] = await Promise.all([mapped('nina'), mapped('sam')]);
      await nina.socket.send('lost', sam.seen);
      await sam.socket.send('found', nina.seen);
      expect(await nina.socket.next()).toEqual({ text: 'found', ...sam.seen });
    });
  });
});
