import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lab, openLab } from './lab.ts';
import type { Network } from './network.ts';
import { describeWithEach } from './testing/namespaces.ts';
import { type Endpoint, Prober, type ProbeSocket } from './testing/prober.ts';

const NETWORK: Network = {
  routers: {
    home: { nat: 'port', hosts: { alice: {} } },
    pool: { nat: 'sym', wanAddresses: 2, hosts: { paula: {} } },
    hasty: { nat: 'fullcone', mappingSeconds: 1, hosts: { harry: {} } },
    walled: { nat: 'port', ipv6: 'firewalled', hosts: { wanda: {} } },
    open: { nat: 'port', ipv6: 'open', hosts: { otto: {} } },
    broken: { nat: 'port', ipv6: 'broken', hosts: { bruno: {} } },
    modern: {
      nat: 'port',
      ipv4: false,
      ipv6: 'open',
      routers: { inner: { nat: 'port', ipv4: false, ipv6: 'open', hosts: { maud: {} } } },
    },
  },
  hosts: { bob: { ipv6: true }, lena: { link: { delayMs: 1 } } },
};

/** Nothing listens there. */
const CLOSED_PORT = 9;

describeWithEach('a standing lab', (privilege) => {
  let lab: Lab;
  const probers = new Map<string, Prober>();
  const at = (name: string): Prober => {
    const prober = probers.get(name) ?? new Prober(lab.host(name));
    probers.set(name, prober);
    return prober;
  };
  const address = (name: string, family: 4 | 6 = 4): string =>
    (family === 4 ? lab.host(name).ipv4[0] : lab.host(name).ipv6[0]) ?? '';

  beforeAll(async () => {
    lab = await openLab(NETWORK, privilege);
  });
  afterAll(() => lab.close());

  /** Lets the server hear of a socket. @returns where it is seen */
  async function seenBy(server: ProbeSocket, socket: ProbeSocket, family: 4 | 6 = 4): Promise<Endpoint> {
    await socket.send('hello', { address: address('server', family), port: server.port });
    const { text: _, ...seen } = await server.next();
    return seen;
  }

  async function udpPair(name: string) {
    const [socket, server] = await Promise.all([at(name).udp(), at('server').udp()]);
    return { socket, server, seen: await seenBy(server, socket) };
  }

  /** Whether the server still reaches a socket where it was seen, before what goes through a new mapping. */
  async function isForgotten({
    socket,
    server,
    seen,
  }: Awaited<ReturnType<typeof udpPair>>): Promise<boolean> {
    await server.send('by the old mapping', seen);
    await server.send('by the new mapping', await seenBy(server, socket));
    return (await socket.next()).text === 'by the new mapping';
  }

  async function connection(name: string): Promise<ProbeSocket> {
    const port = await at('server').listen();
    const connection = await at(name).tcp({ address: address('server'), port });
    await echo(connection, 'at first');
    return connection;
  }

  async function echo(connection: ProbeSocket, text: string): Promise<void> {
    await connection.send(text);
    expect((await connection.next()).text).toBe(text);
  }

  const mappingsOf = async (name: string): Promise<string> =>
    (await lab.router(name).run('conntrack', ['-L'])).stdout;

  test('says which machines there are', () => {
    expect(() => lab.host('nobody')).toThrow('There is no machine called nobody: core, server, home, alice');
    expect(() => lab.router('alice')).toThrow('alice is no router.');
    expect(() => lab.cable('core')).toThrow('no machine called core that has a cable');
    expect(() => lab.cable('alice').counters()).toThrow('described without a link');
  });

  test('runs programs with their status, their words and the environment they are given', async () => {
    const script = 'echo "$WORD"; echo oh >&2; exit 3';
    expect(await lab.host('bob').run('sh', ['-c', script], { env: { WORD: 'aye' } })).toEqual({
      status: 3,
      stdout: 'aye\n',
      stderr: 'oh\n',
    });
  });

  test('ends a program that takes too long, and those that it started', async () => {
    const { status } = await lab.host('bob').run('sh', ['-c', 'sleep 1001 & sleep 1001'], { timeoutMs: 100 });
    expect(status).toBeNull();
  });

  test('wraps a program by a path that runs it on a machine', async () => {
    const path = await lab.host('bob').wrap('ip');
    const { stdout } = await promisify(execFile)(path, ['-brief', 'address', 'show', 'dev', 'eth0']);
    expect(stdout).toContain(`${address('bob')}/16`);
  });

  test('takes names that are words of ip', { timeout: 30_000 }, async () => {
    // `a` is short for `address`.
    const names = ['a', 'up', 'dev', 'type', 'name', 'peer', 'help', 'via', 'list'];
    const hosts = Object.fromEntries(names.map((name) => [name, { link: { delayMs: 1 } }]));
    const worded = await openLab(
      { routers: { master: { nat: 'port', hosts: { set: {} } } }, hosts },
      privilege,
    );
    try {
      const pinged = await Promise.all(
        [...names, 'set'].map((name) => worded.host(name).run('ping', ['-c', '1', '-W', '5', '11.0.0.1'])),
      );
      expect(pinged.map(({ status }) => status)).toEqual([...names, 'set'].map(() => 0));
      await worded.cable('up').pull();
      await worded.cable('up').plug();
    } finally {
      await worded.close();
    }
  });

  describe('a mapping', () => {
    test('is forgotten when nothing is sent, and not while something is', async () => {
      const [idle, kept] = [await udpPair('harry'), await udpPair('harry')];
      const keeping = setInterval(
        () => kept.socket.send('still here', { address: address('server'), port: kept.server.port }),
        200,
      );
      try {
        await expect
          .poll(() => mappingsOf('hasty'), { timeout: 10_000, interval: 200 })
          .not.toContain(`sport=${idle.socket.port} `);
        await expect
          .poll(
            () =>
              lab
                .router('hasty')
                .run('nft', ['list', 'map', 'ip', 'nat', 'eim'])
                .then(({ stdout }) => stdout),
            { timeout: 10_000 },
          )
          .not.toContain(` ${idle.seen.port} `);
      } finally {
        clearInterval(keeping);
      }
      await kept.server.send('known', kept.seen);
      expect((await kept.socket.next()).text).toBe('known');
      expect(await isForgotten(idle)).toBe(true);
    });

    test('is remembered as it was while nothing happens', async () => {
      expect(await isForgotten(await udpPair('alice'))).toBe(false);
    });
  });

  describe('IPv6', () => {
    const there = (name: string, port: number): Endpoint => ({ address: address(name, 6), port });
    const refusing = (): Endpoint => there('bob', CLOSED_PORT);

    test('firewalled: goes out, and lets nobody in', async () => {
      const port = await at('wanda').listen({ family: 6 });
      expect(await at('wanda').knock('tcp', refusing())).toBe('ECONNREFUSED');
      expect(await at('server').knock('tcp', there('wanda', port), refusing())).toBe('silence');
    });

    test('open: goes out and comes in, with the host’s own address', async () => {
      const [otto, server] = await Promise.all([
        at('otto').udp({ family: 6 }),
        at('server').udp({ family: 6 }),
      ]);
      expect(await seenBy(server, otto, 6)).toEqual(there('otto', otto.port));
      const port = await at('otto').listen({ family: 6 });
      expect(await at('server').knock('tcp', there('otto', port), refusing())).toBe('open');
    });

    test('broken: there is an address and a route, and then nothing, beside IPv4 that works', async () => {
      const { stdout } = await lab.host('bruno').run('ip', ['-6', 'route', 'show', 'default']);
      expect(stdout).toContain('default via 2001:db8:6::1');
      const refusing4 = { protocol: 'tcp', address: address('bob'), port: CLOSED_PORT } as const;
      expect(await at('bruno').knock('tcp', refusing(), refusing4)).toBe('silence');
    });

    test('alone: there is no IPv4, through two routers', async () => {
      expect(lab.host('maud').ipv4).toEqual([]);
      const port = await at('maud').listen({ family: 6 });
      expect(await at('maud').knock('tcp', refusing())).toBe('ECONNREFUSED');
      expect(await at('server').knock('tcp', there('maud', port))).toBe('open');
      expect(await at('maud').knock('tcp', { address: address('bob'), port: CLOSED_PORT })).toBe(
        'ENETUNREACH',
      );
    });

    test('is there as soon as the lab is, through every router', async () => {
      const network = { routers: { open: { nat: 'port', ipv6: 'open', hosts: { otto: {} } } } } as const;
      const fresh = await openLab(network, privilege);
      try {
        expect(await fresh.host('otto').run('ping', ['-c', '1', '-W', '2', '2001:db8::1'])).toMatchObject({
          status: 0,
        });
      } finally {
        await fresh.close();
      }
    });

    test('none unless said, not even among neighbours', async () => {
      const { stdout } = await lab
        .host('alice')
        .run('ip', ['-6', '-brief', 'address', 'show', 'dev', 'eth0']);
      expect(stdout).toBe('');
    });
  });

  describe('a router', () => {
    test('changes what it is, and takes that back', async () => {
      const home = lab.router('home');
      await home.change({ nat: 'symseq', portStep: 7, outbound: 'udp-rejected' });
      expect(home.behaviour).toMatchObject({ nat: 'symseq', portStep: 7 });
      const server = await at('server').udp();
      expect(await at('alice').knock('udp', { address: address('server'), port: server.port })).toBe(
        'ECONNREFUSED',
      );
      await home.change({ outbound: undefined });
      const seen = [
        await seenBy(server, await at('alice').udp()),
        await seenBy(server, await at('alice').udp()),
      ];
      expect(seen[1]?.port).toBe((seen[0]?.port ?? 0) + 7);
      await home.change({ nat: 'port', portStep: undefined });
      expect(home.behaviour).not.toHaveProperty('portStep');
      const alice = await udpPair('alice');
      expect(alice.seen.port).toBe(alice.socket.port);
    });

    test('refuses a change that contradicts what it is, and stays what it was', async () => {
      const home = lab.router('home');
      await expect(home.change({ portStep: 2 })).rejects.toThrow('portStep belongs to nat "symseq"');
      await expect(lab.router('pool').change({ wanAddresses: 3 })).rejects.toThrow(
        'for its description to say',
      );
      expect(home.behaviour.nat).toBe('port');
    });

    test.each(['home', 'hasty'])('%s: flushed, it knows no mapping, and makes them again', async (name) => {
      const host = name === 'home' ? 'alice' : 'harry';
      const pair = await udpPair(host);
      await lab.router(name).flush();
      expect(await isForgotten(pair)).toBe(true);
    });

    test('rebooted, it was away, and knows no mapping', async () => {
      const [pair, neighbours] = [await udpPair('alice'), lab.host('alice')];
      const rebooting = lab.router('home').reboot({ downMs: 300 });
      await expect
        .poll(async () => (await neighbours.run('cat', ['/sys/class/net/eth0/carrier'])).stdout)
        .toBe('0\n');
      await rebooting;
      expect(await isForgotten(pair)).toBe(true);
    });

    test.each(['home', 'pool'])(
      '%s: renumbered, it is elsewhere, and still has its other addresses',
      async (name) => {
        const router = lab.router(name);
        const [host, before] = [name === 'home' ? 'alice' : 'paula', router.ipv4];
        const pair = await udpPair(host);
        const next = await router.renumber();
        expect(before).not.toContain(next);
        expect(router.ipv4).toEqual([next, ...before.slice(1)]);
        const { stdout } = await router.run('ip', ['-4', '-brief', 'address', 'show', 'dev', 'wan']);
        expect(stdout.match(/[\d.]+(?=\/)/g)?.sort()).toEqual([...router.ipv4].sort());
        expect(router.ipv4).toContain((await udpPair(host)).seen.address);
        if (before.length === 1) expect(await isForgotten(pair)).toBe(true);
        const routes = (await router.run('ip', ['route', 'show', 'default'])).stdout;
        expect(routes).toContain(`default via 11.0.255.254 dev wan src ${next}`);
      },
    );

    test('comes back to an address that it had', async () => {
      const home = lab.router('home');
      const seen = new Set(home.ipv4);
      for (let count = 0; count < 8; count++) seen.add(await home.renumber());
      expect(seen.size).toBe(9);
      expect(seen).toContain(await home.renumber());
    });
  });

  describe.each(['alice', 'lena'])('the cable of %s', (name) => {
    test('stalls what goes through it while it is pulled, and nothing is lost that is sent again', async () => {
      const through = await connection(name);
      const routes = async (): Promise<string> =>
        (await lab.host(name).run('ip', ['route'])).stdout
          .replaceAll(' linkdown', '')
          .replaceAll(/ +\n/g, '\n');
      const before = await routes();
      await lab.cable(name).pull();
      try {
        expect((await lab.host(name).run('cat', ['/sys/class/net/eth0/carrier'])).stdout).toBe('0\n');
        const into = name === 'alice' ? lab.router('home') : lab.host('core');
        const plug = await into.run('ip', ['-brief', 'link', 'show', 'dev', name]);
        expect(plug.stdout).toMatch(/^\S+ +(LOWERLAYER)?DOWN /);
        await through.send('while it was out');
        expect(await routes()).toBe(before);
      } finally {
        await lab.cable(name).plug();
      }
      expect((await through.next()).text).toBe('while it was out');
      await echo(through, 'afterwards');
    });
  });

  test('a link that is described is one, and becomes another', async () => {
    const lena = lab.cable('lena');
    const before = await lena.counters();
    await echo(await connection('lena'), 'counted');
    expect((await lena.counters()).up.frames).toBeGreaterThan(before.up.frames);
    await lena.change({ lossPercent: 100 });
    const refusing = { address: address('bob'), port: CLOSED_PORT };
    expect(await lab.host('lena').run('ping', ['-c', '1', '-W', '1', refusing.address])).toMatchObject({
      status: 1,
    });
    await lena.change({});
    expect(await at('lena').knock('tcp', refusing)).toBe('ECONNREFUSED');
  });
});
