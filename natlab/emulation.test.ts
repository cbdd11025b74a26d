import { expect, test } from 'vitest';
import { buildScript } from './commands.ts';
import { findEmulation } from './emulation.ts';
import { openKeeper } from './keeper.ts';
import { type Lab, openLab } from './lab.ts';
import { layOut } from './layout.ts';
import { startNetem } from './netem.ts';

const canHaveNamespaces = await openKeeper().then(
  (keeper) => keeper.close().then(() => true),
  (error) => {
    process.stderr.write(`natlab: no tests of emulated links: ${error}\n`);
    return false;
  },
);

/** The best round trip of a few, or Infinity where nothing came back. */
async function roundTripMs(lab: Lab): Promise<number> {
  const { stdout } = await lab
    .host('bob')
    .run('ping', ['-n', '-c', '5', '-i', '0.05', '-W', '1', '11.0.0.1']);
  return Number(/ = ([\d.]+)\//.exec(stdout)?.[1] ?? Number.POSITIVE_INFINITY);
}

test.skipIf(!canHaveNamespaces)(
  'a cable is the link that it is told to be, by whatever emulates it',
  async () => {
    await using lab = await openLab({
      hosts: { bob: { link: { delayMs: 40, rateMbit: 10, up: { delayMs: 60 } } } },
    });
    const cable = lab.cable('bob');
    expect(await roundTripMs(lab)).toBeGreaterThanOrEqual(100);
    const { up, down } = await cable.counters();
    expect(up).toMatchObject({ dropped: 0 });
    expect(up.delivered).toBeGreaterThanOrEqual(5);
    expect(down.delivered).toBeGreaterThanOrEqual(5);
    expect(down.frames).toBeGreaterThanOrEqual(down.delivered);

    await cable.change({ down: { lossPercent: 100 } });
    expect(await roundTripMs(lab)).toBe(Number.POSITIVE_INFINITY);
    const lossy = await cable.counters();
    expect(lossy.down.dropped).toBeGreaterThanOrEqual(5);
    expect(lossy.up.delivered).toBeGreaterThanOrEqual(up.delivered + 5);

    // A frame of 98 bytes takes 80 ms at this rate, one way; none is left of it afterwards.
    await cable.change({ rateMbit: 0.0098 });
    expect(await roundTripMs(lab)).toBeGreaterThanOrEqual(160);
    await cable.change({});
    expect(await roundTripMs(lab)).toBeLessThan(80);

    await cable.pull();
    expect(await roundTripMs(lab)).toBe(Number.POSITIVE_INFINITY);
    await cable.plug();
    await expect.poll(() => roundTripMs(lab), { timeout: 10_000 }).toBeLessThan(80);
  },
);

test('a kernel that refuses netem is given linkem', async () => {
  const refusing = { run: () => Promise.reject(new Error('Specified qdisc kind is unknown.')) };
  expect(await findEmulation(refusing)).toBe('linkem');
  expect(await findEmulation({ run: async () => '' })).toBe('netem');
});

test('netem needs nothing in the middle of a cable', () => {
  const script = buildScript(layOut({ hosts: { bob: { link: { delayMs: 5 } } } }), 'netem');
  expect(script).toContain('link add dev eth0 netns bob type veth peer name bob netns core\n');
  expect(script).not.toContain('cable-bob');
});

test('netem is set where frames leave, takes a rate back, and is asked for its counts', async () => {
  const scripts: string[] = [];
  const statistics =
    '[{"kind":"netem","handle":"8002:","root":true,"bytes":588,"packets":6,"drops":2,"overlimits":0,"qlen":1}]\n';
  const run = async (script: string) => {
    scripts.push(script);
    return script.startsWith('tc -n bob -s') ? statistics : statistics.replace('"drops":2', '"drops":0');
  };
  const ends = { up: { namespace: 'bob', device: 'eth0' }, down: { namespace: 'core', device: 'bob' } };
  const link = await startNetem({ run, ends, link: { delayMs: 5, down: { rateMbit: 8, queueKib: 64 } } });
  expect(scripts).toEqual([
    [
      'set -e',
      'tc -n bob qdisc replace dev eth0 root netem limit 65536 delay 5ms rate 0bit',
      'tc -n core qdisc replace dev bob root netem limit 47 delay 5ms rate 8000kbit',
    ].join('\n'),
  ]);
  expect(await link.counters()).toEqual({
    up: { frames: 9, delivered: 6, dropped: 2 },
    down: { frames: 7, delivered: 6, dropped: 0 },
  });
});
