import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lab, type LabHost, openLab } from './lab.ts';
import type { NatType, Network, Router } from './network.ts';
import { describeInNamespaces } from './testing/namespaces.ts';

/** The words of RFC 4787, as our own client has them. */
type Mapping = 'none' | 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';
type Filtering = Exclude<Mapping, 'none'>;
interface Behaviour {
  readonly mapping: Mapping;
  readonly filtering: Filtering;
}

const BEHAVIOUR: Record<NatType, Behaviour> = {
  fullcone: { mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  addr: { mapping: 'endpoint-independent', filtering: 'address-dependent' },
  port: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
  symaddr: { mapping: 'address-dependent', filtering: 'address-and-port-dependent' },
  symseq: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
  sym: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
};

/** Each by a name of its own; its one host is called `at` and that. */
const ROUTERS: Record<string, Router> = {
  fullcone: { nat: 'fullcone' },
  addr: { nat: 'addr' },
  port: { nat: 'port' },
  symaddr: { nat: 'symaddr' },
  symseq: { nat: 'symseq' },
  stepping: { nat: 'symseq', portStep: 3 },
  sym: { nat: 'sym' },
  pool: { nat: 'sym', wanAddresses: 8 },
  hairpin: { nat: 'port', hairpin: true },
  conehair: { nat: 'fullcone', hairpin: true },
  rejecting: { nat: 'port', unclaimed: 'reject' },
  mute: { nat: 'port', outbound: 'udp-dropped' },
};

const NETWORK: Network = {
  routers: {
    ...Object.fromEntries(
      Object.entries(ROUTERS).map(([name, router]) => [name, { ...router, hosts: { [`at${name}`]: {} } }]),
    ),
    carrier: {
      nat: 'symseq',
      routers: { home: { nat: 'fullcone', hosts: { athome: {} } } },
    },
    open: { nat: 'sym', ipv6: 'open', hosts: { atopen: {} } },
    walled: { nat: 'fullcone', ipv6: 'firewalled', hosts: { atwalled: {} } },
  },
  hosts: { atpublic: { ipv6: true } },
};

/** What has a NAT that can be told apart. Two in a row are as strict as the stricter one. */
const NATS: Record<string, Behaviour> = {
  ...Object.fromEntries(
    Object.entries(ROUTERS)
      .filter(([, { outbound }]) => outbound === undefined)
      .map(([name, { nat }]) => [name, BEHAVIOUR[nat]]),
  ),
  home: BEHAVIOUR.symseq,
  public: { mapping: 'none', filtering: 'endpoint-independent' },
};

const IPV6: Record<string, Behaviour> = {
  public: { mapping: 'none', filtering: 'endpoint-independent' },
  open: { mapping: 'none', filtering: 'endpoint-independent' },
  walled: { mapping: 'none', filtering: 'address-and-port-dependent' },
};

const STUN_PORT = 3478;
const OUR_STUN_PORT = 4478;
/** Classifying takes some seconds of waiting for what does not come, for which all hosts wait at once. */
const TIMEOUT_MS = 60_000;

const STUN_SERVER = fileURLToPath(new URL('../stun-server/main.ts', import.meta.url));
const STUN_CLIENT = fileURLToPath(new URL('../stun-server/discover-main.ts', import.meta.url));

describeInNamespaces('NATs are what their description says', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab(NETWORK);
  }, TIMEOUT_MS);
  afterAll(() => lab.close());

  test('by what coturn finds out', { timeout: TIMEOUT_MS }, async () => {
    await startTurnserver(lab);
    const { ipv4, ipv6 } = lab.host('server');
    const [found, found6, mute, hairpins] = await Promise.all([
      ofEach(NATS, (name) => coturnSays(lab.host(`at${name}`), ipv4)),
      ofEach(IPV6, (name) => coturnSays(lab.host(`at${name}`), ipv6)),
      coturnSays(lab.host('atmute'), ipv4),
      ofEach(ROUTERS, (name) => hairpinsByCoturn(lab.host(`at${name}`), ipv4)),
    ]);
    expect(found).toEqual(NATS);
    expect(found6).toEqual(IPV6);
    expect(mute).toEqual({ mapping: undefined, filtering: undefined });
    expect(hairpins).toEqual(await ofEach(ROUTERS, async (name) => ROUTERS[name]?.hairpin ?? false));
  });

  test('by what our own client finds out', { timeout: TIMEOUT_MS }, async () => {
    const { ipv4, ipv6 } = lab.host('server');
    await Promise.all([startOurServer(lab, ipv4), startOurServer(lab, ipv6)]);
    const [found, found6, mute] = await Promise.all([
      ofEach(NATS, (name) => weSay(lab.host(`at${name}`), ipv4)),
      ofEach(IPV6, (name) => weSay(lab.host(`at${name}`), ipv6)),
      weSay(lab.host('atmute'), ipv4),
    ]);
    const usual = { hairpin: false, preservesPort: true, portStep: null, variesAddress: false };
    const remapped = { ...usual, preservesPort: false };
    const differing: Record<string, object> = {
      symaddr: remapped,
      symseq: { ...remapped, portStep: 1 },
      stepping: { ...remapped, portStep: 3 },
      sym: remapped,
      pool: { ...remapped, variesAddress: true },
      hairpin: { ...usual, hairpin: true },
      conehair: { ...usual, hairpin: true },
      home: { ...remapped, portStep: 1 },
      // It reaches itself, as there is nothing on the way.
      public: { ...usual, hairpin: true },
    };
    for (const [name, behaviour] of Object.entries(NATS)) {
      const tcp = { mapping: behaviour.mapping };
      expect.soft(found[name], name).toMatchObject({ ...behaviour, ...usual, ...differing[name], tcp });
    }
    for (const [name, behaviour] of Object.entries(IPV6)) {
      expect.soft(found6[name], name).toMatchObject({ ...behaviour, tcp: { mapping: 'none' } });
    }
    expect(mute).toMatchObject({ reachable: false, tcp: { mapping: 'endpoint-independent' } });
  });
});

async function ofEach<Key extends string, Value>(
  of: Record<Key, unknown>,
  find: (key: Key) => Promise<Value>,
): Promise<Record<string, Value>> {
  const keys = Object.keys(of) as Key[];
  return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await find(key)] as const)));
}

async function startTurnserver(lab: Lab): Promise<void> {
  const server = lab.host('server');
  const addresses = [...server.ipv4, ...server.ipv6].flatMap((address) => ['-L', address]);
  const options = ['-n', '-S', '-p', `${STUN_PORT}`, '--no-tls', '--no-dtls', '--no-cli', '-l', 'stdout'];
  server
    .start('turnserver', [...options, ...addresses, '--pidfile', `${lab.folder}/turnserver.pid`])
    .stdout?.resume();
  await expect
    .poll(async () => (await server.run('ss', ['-lnu'])).stdout, { timeout: 10_000 })
    .toContain(`[${server.ipv6.at(-1)}]:${STUN_PORT + 1}`);
}

/** What `turnutils_natdiscovery` prints of each; it ends with 0 in any case. */
async function coturnSays(host: LabHost, server: readonly string[]): Promise<Partial<Behaviour>> {
  const text = await natdiscovery(host, server, ['-m', '-f', '-P']);
  const mapping = /No NAT!/.test(text) ? 'none' : termOf(/NAT with (.*) Mapping!/, text);
  return { mapping, filtering: termOf(/NAT with (.*) Filtering!/, text) } as Partial<Behaviour>;
}

async function hairpinsByCoturn(host: LabHost, server: readonly string[]): Promise<boolean> {
  // Its two sockets share the port; the other classification chooses its own.
  const text = await natdiscovery(host, server, ['-H', '-l', '7000']);
  return text.includes('successful hairpinning');
}

async function natdiscovery(
  host: LabHost,
  [server = '']: readonly string[],
  tests: readonly string[],
): Promise<string> {
  // Told its own address, it sees where there is no NAT.
  const [own = ''] = server.includes(':') ? host.ipv6 : host.ipv4;
  return (await host.run('turnutils_natdiscovery', [...tests, '-L', own, server])).stdout;
}

/** `Address and Port Dependent` in the words of RFC 4787. */
function termOf(pattern: RegExp, text: string): string | undefined {
  return pattern.exec(text)?.[1]?.toLowerCase().replaceAll(' ', '-');
}

async function startOurServer(lab: Lab, [host = '', alternate = '']: readonly string[]): Promise<void> {
  const addresses = ['--host', host, '--port', `${OUR_STUN_PORT}`, '--alternate', alternate];
  const { stdout } = lab.host('server').start('node', ['--import', 'tsx', STUN_SERVER, ...addresses]);
  if (stdout) await once(stdout, 'data');
}

async function weSay(host: LabHost, [server = '']: readonly string[]): Promise<unknown> {
  const to = server.includes(':') ? `[${server}]:${OUR_STUN_PORT}` : `${server}:${OUR_STUN_PORT}`;
  const { stdout } = await host.run('node', ['--import', 'tsx', STUN_CLIENT, to, '--json']);
  return JSON.parse(stdout);
}
