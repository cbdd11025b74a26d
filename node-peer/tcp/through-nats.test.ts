import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lab, type LabHost, openLab } from '#natlab/lab.ts';
import type { Network } from '#natlab/network.ts';
import { describeInNamespaces } from '#natlab/testing/namespaces.ts';
import type { Role } from '#protocol/handshake/role.ts';
import type { TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import { Program } from '#stun-server/testing/program.ts';

const PEER = fileURLToPath(new URL('./lane-peer.testing.ts', import.meta.url));
const STUN_SERVER = fileURLToPath(new URL('../../stun-server/main.ts', import.meta.url));
const STUN_PORT = 3478;

const link = { delayMs: 25 };
const mute = { nat: 'port', outbound: 'udp-dropped' } as const;

/** 25 ms lie between each of the outermost routers and the rest. */
const NETWORK: Network = {
  routers: {
    home: { nat: 'port', link, hosts: { alice: {}, anna: {} } },
    other: { nat: 'port', link, hosts: { bob: {} } },
    office: { ...mute, link, hosts: { olga: {} } },
    hotel: { ...mute, link, hosts: { hugo: {} } },
    gruff: { nat: 'port', unclaimed: 'reject', link, hosts: { greta: {} } },
    rude: { nat: 'port', unclaimed: 'reject', link, hosts: { rita: {} } },
    cone: { nat: 'fullcone', link, hosts: { carl: {} } },
    random: { nat: 'sym', link, hosts: { sam: {} } },
    random2: { nat: 'sym', link, hosts: { sue: {} } },
  },
  hosts: { pat: { link } },
};

interface Met {
  readonly laneId: string;
  readonly route: string;
  readonly heard: string;
  readonly error?: string;
}

class Peer {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(host: LabHost, program: string) {
    this.#child = host.start(process.execPath, [program]);
    this.#child.stderr?.on('data', (text) => process.stderr.write(text));
    if (this.#child.stdout === null) throw new Error('no output');
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  prepare(stunUrls: readonly string[]): Promise<{ point: number; addresses: TcpAddresses }> {
    return this.#ask({ deed: 'prepare', stunUrls });
  }

  meet(role: Role, point: number, theirs: TcpAddresses): Promise<Met> {
    return this.#ask({ deed: 'meet', role, point, theirs });
  }

  async #ask<Answer>(question: object): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the peer ended');
    return JSON.parse(value);
  }
}

describeInNamespaces('a lane over TCP', () => {
  let lab: Lab;
  let program: Program;
  let stunServer: Program;
  let stunUrls: string[];
  const peers = new Map<string, Peer>();

  beforeAll(async () => {
    [program, stunServer] = await Promise.all([Program.built(PEER), Program.built(STUN_SERVER)]);
    lab = await openLab(NETWORK);
    const server = lab.host('server');
    const stun = server.start(process.execPath, [stunServer.file, '--json', '--port', `${STUN_PORT}`]);
    if (stun.stdout) await once(stun.stdout, 'data');
    stunUrls = [`stun:${server.ipv4[0]}:${STUN_PORT}`];
  });
  afterAll(async () => {
    await lab.close();
    await Promise.all([program.remove(), stunServer.remove()]);
  });

  /** Two peers meet, the receiver so much later than the sender. */
  async function meet(senderHost: string, receiverHost: string, skewMs = 0): Promise<[Met, Met]> {
    const [sender, receiver] = [peerAt(senderHost), peerAt(receiverHost)];
    const [near, far] = await Promise.all([sender.prepare(stunUrls), receiver.prepare(stunUrls)]);
    return Promise.all([
      sender.meet('sender', near.point, far.addresses),
      sleep(skewMs).then(() => receiver.meet('receiver', far.point, near.addresses)),
    ]);
  }

  function peerAt(host: string): Peer {
    const peer = peers.get(host) ?? new Peer(lab.host(host), program.file);
    peers.set(host, peer);
    return peer;
  }

  const direct = (met: Met[]) => {
    expect(met).toMatchObject([
      { route: 'direct', heard: 'receiver' },
      { route: 'direct', heard: 'sender' },
    ]);
  };

  describe('stands', () => {
    test.each([
      ['through two NATs that let in what answers', 'alice', 'bob', 0],
      ['when one side begins later than the other', 'bob', 'alice', 300],
      ['where both sides block UDP', 'olga', 'hugo', 0],
      ['through two NATs that refuse what they did not expect', 'greta', 'rita', 0],
      ['to a public host, from behind a NAT', 'pat', 'alice', 0],
      ['to a public host that receives', 'bob', 'pat', 0],
      ['to a public host, from behind a NAT without pattern', 'sam', 'pat', 0],
      ['to a NAT that lets in anybody, from behind one without pattern', 'carl', 'sam', 0],
    ])('%s', async (_, sender, receiver, skewMs) => {
      direct(await meet(sender, receiver, skewMs));
    });

    test('on one LAN, within it', async () => {
      const met = await meet('alice', 'anna');
      expect(met).toMatchObject([
        { route: 'lan', heard: 'receiver' },
        { route: 'lan', heard: 'sender' },
      ]);
    });
  });

  test('does not come to be between two NATs without pattern, which is said after a while', async () => {
    expect(await meet('sam', 'sue')).toMatchObject([{ error: 'no-route' }, { error: 'no-route' }]);
  });
});
