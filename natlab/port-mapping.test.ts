import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openKeeper, ownPrivilege, type Privilege } from './keeper.ts';
import { type Lab, type LabHost, openLab } from './lab.ts';
import type { Network } from './network.ts';

/** What no mapping claims is refused, not dropped: a test of what is closed need not wait for silence. */
const HOME = { nat: 'port', unclaimed: 'reject' } as const;
const NETWORK: Network = {
  routers: {
    home: { ...HOME, portMapping: 'all', hosts: { alice: {} } },
    upnponly: { ...HOME, portMapping: 'upnp', hosts: { uma: {} } },
    pcponly: { ...HOME, portMapping: 'pcp', hosts: { pete: {} } },
    // As a carrier's customer, and with the neighbour who alone can reach its address.
    carrier: {
      nat: 'port',
      routers: { inner: { ...HOME, portMapping: 'all', hosts: { carol: {} } } },
      hosts: { dave: {} },
    },
  },
  hosts: { bob: {} },
};

// In Node, on the lab's hosts. What is lost while a cable comes up again is sent again.

/** Tells whoever asks on port 5000, by UDP or TCP, the name that it was given. */
const SERVICE = `const [name] = process.argv.slice(1);
const udp = require('node:dgram').createSocket('udp4');
udp.on('message', (_, { address, port }) => udp.send(name, port, address));
const tcp = require('node:net').createServer((socket) => socket.on('error', () => {}).end(name));
udp.bind(5000, () => tcp.listen(5000, () => console.log('ready')));`;
/** Sends a datagram until it is answered. Prints the answer in hex, or what went wrong. */
const ASK = `const [address, port, hex] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
const end = (text) => { console.log(text); process.exit(); };
socket.on('message', (answer) => end(answer.toString('hex'))).on('error', ({ code }) => end(code));
const send = () => socket.send(Buffer.from(hex, 'hex'));
socket.connect(Number(port), address, () => { send(); setInterval(send, 250); setTimeout(end, 5000, 'silence'); });`;
/** Prints what a TCP server says, or what went wrong. */
const HEAR = `const [address, port] = process.argv.slice(1);
const end = (text) => { console.log(text); process.exit(); };
const socket = require('node:net').connect(Number(port), address);
socket.on('data', (text) => end(text.toString())).on('error', ({ code }) => end(code));
setTimeout(end, 5000, 'silence');`;

const SERVICE_PORT = 5000;
const NAT_PMP_PORT = 5351;
const SSDP_PORT = 1900;
/** UPnP Device Architecture 2.0, section 1.3.2, in hex. */
const M_SEARCH = Buffer.from(
  [
    'M-SEARCH * HTTP/1.1',
    'HOST: 239.255.255.250:1900',
    'MAN: "ssdp:discover"',
    'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
    '\r\n',
  ].join('\r\n'),
).toString('hex');
const UDP = 17;
const TCP = 6;
const CLOSED = { udp: 'ECONNREFUSED', tcp: 'ECONNREFUSED' };

async function node(host: LabHost, script: string, ...args: (string | number)[]): Promise<string> {
  const { stdout, stderr } = await host.run(process.execPath, ['-e', script, ...args.map(String)]);
  expect(stderr).toBe('');
  return stdout.trim();
}

/** Who answers at an address, by UDP and TCP. */
async function whoAnswers(from: LabHost, address: string, port: number): Promise<typeof CLOSED> {
  const [datagram, tcp] = await Promise.all([
    node(from, ASK, address, port, '00'),
    node(from, HEAR, address, port),
  ]);
  const udp = /^[0-9a-f]+$/.test(datagram) ? Buffer.from(datagram, 'hex').toString() : datagram;
  return { udp, tcp };
}

function gatewayOf({ ipv4: [own = ''] }: LabHost): string {
  return own.replace(/\d+$/, '1');
}

async function askGateway(host: LabHost, request: Buffer): Promise<Buffer> {
  return Buffer.from(await node(host, ASK, gatewayOf(host), NAT_PMP_PORT, request.toString('hex')), 'hex');
}

/** Where the gateway describes itself, by an M-SEARCH to it alone. */
async function igdLocation(host: LabHost): Promise<string> {
  const response = await node(host, ASK, gatewayOf(host), SSDP_PORT, M_SEARCH);
  return /^LOCATION: (\S+)/m.exec(Buffer.from(response, 'hex').toString())?.[1] ?? '';
}

/** RFC 6886, section 3.2. */
async function natPmpAddress(host: LabHost): Promise<string> {
  const response = await askGateway(host, Buffer.from([0, 0]));
  expect(response).toHaveLength(12);
  expect([...response.subarray(0, 4)]).toEqual([0, 128, 0, 0]);
  return [...response.subarray(8)].join('.');
}

/** RFC 6886, section 3.3. */
async function natPmpMap(host: LabHost, protocol: typeof UDP | typeof TCP, port: number, lifetimeS: number) {
  const opcode = protocol === UDP ? 1 : 2;
  const request = Buffer.alloc(12);
  request.writeUInt8(opcode, 1);
  request.writeUInt16BE(SERVICE_PORT, 4);
  request.writeUInt16BE(port, 6);
  request.writeUInt32BE(lifetimeS, 8);
  const response = await askGateway(host, request);
  expect(response).toHaveLength(16);
  expect([...response.subarray(0, 4)]).toEqual([0, 128 + opcode, 0, 0]);
  expect(response.readUInt16BE(8)).toBe(SERVICE_PORT);
  return { port: response.readUInt16BE(10), lifetimeS: response.readUInt32BE(12) };
}

interface PcpRequest {
  readonly nonce: Buffer;
  readonly protocol: typeof UDP | typeof TCP;
  readonly port: number;
  readonly lifetimeS: number;
}

/** RFC 6887, sections 7 and 11.1. */
async function pcpMap(host: LabHost, { nonce, protocol, port, lifetimeS }: PcpRequest) {
  const mapped = (address: string) =>
    Buffer.from([...new Array(10).fill(0), 0xff, 0xff, ...address.split('.').map(Number)]);
  const request = Buffer.alloc(60);
  request.set([2, 1], 0);
  request.writeUInt32BE(lifetimeS, 4);
  request.set(mapped(host.ipv4[0] ?? ''), 8);
  request.set(nonce, 24);
  request.writeUInt8(protocol, 36);
  request.writeUInt16BE(SERVICE_PORT, 40);
  request.writeUInt16BE(port, 42);
  request.set(mapped('0.0.0.0'), 44);
  const response = await askGateway(host, request);
  expect(response).toHaveLength(60);
  expect([...response.subarray(0, 2)]).toEqual([2, 128 + 1]);
  expect(response.subarray(24, 36)).toEqual(nonce);
  expect(response.subarray(44, 56)).toEqual(mapped('0.0.0.0').subarray(0, 12));
  return {
    result: response.readUInt8(3),
    lifetimeS: response.readUInt32BE(4),
    port: response.readUInt16BE(42),
    address: [...response.subarray(56)].join('.'),
  };
}

const usable = new Set<Privilege>();
for (const privilege of new Set<Privilege>([ownPrivilege(), 'user'])) {
  try {
    await (await openKeeper(privilege)).close();
    usable.add(privilege);
  } catch (error) {
    process.stderr.write(`natlab: no tests of port mapping as ${privilege}: ${error}\n`);
  }
}

describe.each<Privilege>(['root', 'user'])('a router opens ports, with the rights of %s', (privilege) => {
  describe.skipIf(!usable.has(privilege))('in a lab', () => {
    let lab: Lab;
    let alice: LabHost;
    let carol: LabHost;
    let bob: LabHost;

    beforeAll(async () => {
      lab = await openLab(NETWORK, privilege);
      alice = lab.host('alice');
      carol = lab.host('carol');
      bob = lab.host('bob');
      for (const host of [alice, carol]) {
        const service = host.start(process.execPath, ['-e', SERVICE, host.name]);
        await once(service.stdout as NonNullable<typeof service.stdout>, 'data');
      }
    });
    afterAll(() => lab?.close());

    const homeAddress = () => lab.router('home').ipv4[0] ?? '';

    test('by UPnP, to a client that somebody else wrote', async () => {
      const upnpc = async (...args: string[]) => (await alice.run('upnpc', args)).stdout;
      expect(await whoAnswers(bob, homeAddress(), 6000)).toEqual(CLOSED);

      const own = alice.ipv4[0] ?? '';
      const found = await upnpc('-a', own, '5000', '6000', 'UDP', '3600');
      expect(found).toContain(`ExternalIPAddress = ${homeAddress()}`);
      expect(found).toContain(
        `external ${homeAddress()}:6000 UDP is redirected to internal ${own}:5000 (duration=`,
      );
      // It is asked for after it was opened, perhaps in the next second.
      expect(found).toMatch(/\(duration=3(600|59\d)\)/);
      const [, description = ''] = /desc: (http\S+)/.exec(found) ?? [];
      expect(await upnpc('-u', description, '-a', own, '5000', '6000', 'TCP', '600')).toContain(
        `external ${homeAddress()}:6000 TCP is redirected to internal ${own}:5000 (duration=600)`,
      );
      expect(await whoAnswers(bob, homeAddress(), 6000)).toEqual({ udp: 'alice', tcp: 'alice' });

      await upnpc('-u', description, '-d', '6000', 'UDP');
      expect(await whoAnswers(bob, homeAddress(), 6000)).toEqual({ ...CLOSED, tcp: 'alice' });
      await upnpc('-u', description, '-d', '6000', 'TCP');
      expect(await whoAnswers(bob, homeAddress(), 6000)).toEqual(CLOSED);
    });

    test('by NAT-PMP', async () => {
      expect(await natPmpAddress(alice)).toBe(homeAddress());
      expect(await whoAnswers(bob, homeAddress(), 6001)).toEqual(CLOSED);
      expect(await natPmpMap(alice, UDP, 6001, 600)).toEqual({ port: 6001, lifetimeS: 600 });
      expect(await whoAnswers(bob, homeAddress(), 6001)).toEqual({ ...CLOSED, udp: 'alice' });
      expect(await natPmpMap(alice, TCP, 6001, 900)).toEqual({ port: 6001, lifetimeS: 900 });
      expect(await whoAnswers(bob, homeAddress(), 6001)).toEqual({ udp: 'alice', tcp: 'alice' });
      // "with the Requested Lifetime set to zero, and the Suggested External Port set to zero"
      expect(await natPmpMap(alice, UDP, 0, 0)).toEqual({ port: 0, lifetimeS: 0 });
      expect(await natPmpMap(alice, TCP, 0, 0)).toEqual({ port: 0, lifetimeS: 0 });
      expect(await whoAnswers(bob, homeAddress(), 6001)).toEqual(CLOSED);
    });

    test('by PCP, and closes them for those alone who know the nonce', async () => {
      const nonce = randomBytes(12);
      const asked = { nonce, port: 6002, lifetimeS: 600 };
      const granted = { result: 0, port: 6002, lifetimeS: 600, address: homeAddress() };
      expect(await whoAnswers(bob, homeAddress(), 6002)).toEqual(CLOSED);
      expect(await pcpMap(alice, { ...asked, protocol: UDP })).toEqual(granted);
      expect(await pcpMap(alice, { ...asked, protocol: TCP })).toEqual(granted);
      expect(await whoAnswers(bob, homeAddress(), 6002)).toEqual({ udp: 'alice', tcp: 'alice' });

      const stranger = { nonce: randomBytes(12), port: 0, lifetimeS: 0 };
      const NOT_AUTHORIZED = 2;
      expect(await pcpMap(alice, { ...stranger, protocol: UDP })).toMatchObject({ result: NOT_AUTHORIZED });
      expect(await whoAnswers(bob, homeAddress(), 6002)).toEqual({ udp: 'alice', tcp: 'alice' });

      for (const protocol of [UDP, TCP] as const) {
        const ended = await pcpMap(alice, { nonce, protocol, port: 0, lifetimeS: 0 });
        expect(ended).toMatchObject({ result: 0, lifetimeS: 0 });
      }
      expect(await whoAnswers(bob, homeAddress(), 6002)).toEqual(CLOSED);
    });

    test('for as long as was granted', async () => {
      expect(await natPmpMap(alice, UDP, 6007, 1)).toEqual({ port: 6007, lifetimeS: 1 });
      await natPmpMap(alice, TCP, 6007, 600);
      const whoStillAnswers = () => whoAnswers(bob, homeAddress(), 6007);
      await expect.poll(whoStillAnswers, { timeout: 15_000 }).toEqual({ ...CLOSED, tcp: 'alice' });
    });

    test("behind a carrier, at the router's own address outside", async () => {
      const [address = ''] = lab.router('inner').ipv4;
      expect(address).toMatch(/^100\.64\./);
      expect(await natPmpAddress(carol)).toBe(address);
      const nonce = randomBytes(12);
      expect(await pcpMap(carol, { nonce, protocol: UDP, port: 6003, lifetimeS: 600 })).toMatchObject({
        result: 0,
        address,
      });
      expect(await natPmpMap(carol, TCP, 6003, 600)).toMatchObject({ port: 6003 });
      expect(await whoAnswers(lab.host('dave'), address, 6003)).toEqual({ udp: 'carol', tcp: 'carol' });
      // The client finds such an address odd, and has to be told to go on.
      const client = ['-i', '-u', await igdLocation(carol), '-a', carol.ipv4[0] ?? '', '5000', '6004', 'UDP'];
      const { stdout } = await carol.run('upnpc', client);
      expect(stdout).toContain(`external ${address}:6004 UDP is redirected to`);
    });

    test('by UPnP alone', async () => {
      const uma = lab.host('uma');
      expect(await node(uma, ASK, gatewayOf(uma), NAT_PMP_PORT, '0000')).toBe('ECONNREFUSED');
      expect(await igdLocation(uma)).toMatch(/^http:/);
    });

    test('by NAT-PMP and PCP alone', async () => {
      const pete = lab.host('pete');
      expect(await natPmpAddress(pete)).toBe(lab.router('pcponly').ipv4[0]);
      const nonce = randomBytes(12);
      expect(await pcpMap(pete, { nonce, protocol: UDP, port: 6005, lifetimeS: 600 })).toMatchObject({
        result: 0,
      });
      expect(await node(pete, ASK, gatewayOf(pete), SSDP_PORT, M_SEARCH)).toBe('ECONNREFUSED');
    });

    test.each<[string, () => Promise<unknown>]>([
      ['is flushed', () => lab.router('home').flush()],
      ['is rebooted', () => lab.router('home').reboot({ downMs: 20 })],
      ['is changed', () => lab.router('home').change({ nat: 'addr' })],
      ['gets another address, which it tells', () => lab.router('home').renumber()],
    ])('until it %s', async (_, happens) => {
      for (const protocol of [UDP, TCP] as const) await natPmpMap(alice, protocol, 6006, 600);
      expect(await whoAnswers(bob, homeAddress(), 6006)).toEqual({ udp: 'alice', tcp: 'alice' });
      await happens();
      expect(await whoAnswers(bob, homeAddress(), 6006)).toEqual(CLOSED);
      expect(await natPmpAddress(alice)).toBe(homeAddress());
      for (const protocol of [UDP, TCP] as const) await natPmpMap(alice, protocol, 6006, 600);
      expect(await whoAnswers(bob, homeAddress(), 6006)).toEqual({ udp: 'alice', tcp: 'alice' });
    });
  });
});
