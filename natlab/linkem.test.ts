import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Link } from './link.ts';
import { buildLinkem, type Linkem, startLinkem } from './linkem.ts';

const run = promisify(execFile);

// Three namespaces in a row, `near` and `far` with `middle` between them, held by processes that end with this one.

const UNSHARE =
  process.getuid?.() === 0 ? ['unshare', '--net'] : ['unshare', '--user', '--map-root-user', '--net'];
const hasNamespaces = spawnSync(UNSHARE[0] ?? '', [...UNSHARE.slice(1), 'true']).status === 0;
if (!hasNamespaces)
  process.stderr.write('linkem: no tests of links: network namespaces cannot be made here\n');

interface Held {
  readonly pid: number;
  readonly enter: readonly string[];
  readonly process: ChildProcessWithoutNullStreams;
}

async function hold(enter: readonly string[], unshare: readonly string[]): Promise<Held> {
  const [program = '', ...words] = [...enter, ...unshare, 'cat'];
  const held = spawn(program, words);
  held.stdin.write('inside\n');
  await once(held.stdout, 'data');
  const { pid = 0 } = held;
  const user =
    unshare.includes('--user') || enter.includes('--user') ? ['--user', '--preserve-credentials'] : [];
  return { pid, process: held, enter: ['nsenter', '--target', String(pid), ...user, '--net'] };
}

function inside({ enter }: Held, ...command: string[]) {
  const [program = '', ...words] = [...enter, ...command];
  return run(program, words);
}

function start({ enter }: Held, ...command: string[]): ChildProcessWithoutNullStreams {
  const [program = '', ...words] = [...enter, ...command];
  return spawn(program, words);
}

/** Fixed addresses and neighbours and no IPv6: nothing is on the wire but what a test sends. */
const WITHOUT_IPV6 = 'for c in all default; do echo 1 > /proc/sys/net/ipv6/conf/$c/disable_ipv6; done';

async function plug(middle: Held, end: Held, name: 'near' | 'far'): Promise<void> {
  const [own, other] = name === 'near' ? [1, 2] : [2, 1];
  await inside(
    middle,
    'sh',
    '-ec',
    `ip link add ${name} type veth peer name end netns ${end.pid}; ip link set dev ${name} up`,
  );
  await inside(
    end,
    'sh',
    '-ec',
    `${WITHOUT_IPV6}; ip link set dev end address 02:00:00:00:00:0${own} up
    ip addr add 10.99.0.${own}/24 dev end; ip neigh add 10.99.0.${other} lladdr 02:00:00:00:00:0${other} dev end
    ethtool -K end tx off tso off gso off gro off`,
  );
}

// A sender and a receiver of numbered datagrams, in Node, with the monotonic clock that all processes share.

const CLOCK = 'const now = () => Number(process.hrtime.bigint()) / 1e6;';
const RECEIVER = `${CLOCK} const got = []; const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (m) => { const at = now(); got.push({ index: m.readUInt32BE(0), delayMs: at - m.readDoubleBE(4), at }); });
socket.bind(5000, () => { socket.setRecvBufferSize(1 << 20); console.log('bound'); });
process.stdin.resume().on('end', () => { console.log(JSON.stringify(got)); process.exit(); });`;
const SENDER = `${CLOCK} const [address, count, gapMs, bytes] = process.argv.slice(1).map((w, i) => i ? Number(w) : w);
const socket = require('node:dgram').createSocket('udp4'); const began = now(); let index = 0, sent = 0;
(function more() {
  while (index < count && now() - began >= index * gapMs) {
    const m = Buffer.alloc(bytes); m.writeUInt32BE(index++, 0); m.writeDoubleBE(now(), 4);
    socket.send(m, 5000, address, () => ++sent === count && socket.close());
  }
  if (index < count) setTimeout(more, 1);
})();`;
/** Of Ethernet, IP and UDP, which the rate and the queue count. */
const HEADERS_BYTES = 42;

interface Flow {
  readonly count: number;
  readonly gapMs: number;
  readonly bytes?: number;
  /** For what is still on its way when all is sent. */
  readonly lingerMs?: number;
}

interface Received {
  readonly index: number;
  readonly delayMs: number;
  readonly at: number;
}

async function send(from: Held, address: string, { count, gapMs, bytes = 100 }: Flow): Promise<void> {
  await inside(from, process.execPath, '-e', SENDER, address, String(count), String(gapMs), String(bytes));
}

async function flow(from: Held, to: Held, address: string, sent: Flow, meanwhile?: () => Promise<void>) {
  const receiver = start(to, process.execPath, '-e', RECEIVER);
  const exited = once(receiver, 'exit');
  const lines = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
  try {
    await lines.next();
    await send(from, address, sent);
    await meanwhile?.();
    await new Promise((resolve) => setTimeout(resolve, sent.lingerMs ?? 150));
    receiver.stdin.end();
    return JSON.parse((await lines.next()).value) as Received[];
  } finally {
    receiver.kill('SIGKILL');
    await exited; // It holds the port.
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function delays(received: readonly Received[]): number[] {
  return received.map(({ delayMs }) => delayMs);
}

function indices(received: readonly Received[]): number[] {
  return received.map(({ index }) => index);
}

const STANDING = 'delay 0 jitter 0 rate 0 queue 64 loss 0 reorder 0';

describe.skipIf(!hasNamespaces)('a link', { timeout: 30_000 }, () => {
  let near: Held;
  let middle: Held;
  let far: Held;
  let link: Linkem | undefined;

  beforeAll(async () => {
    await buildLinkem();
    middle = await hold([], UNSHARE);
    [near, far] = await Promise.all([
      hold(middle.enter, ['unshare', '--net']),
      hold(middle.enter, ['unshare', '--net']),
    ]);
    await inside(middle, 'sh', '-ec', WITHOUT_IPV6);
    await Promise.all([plug(middle, near, 'near'), plug(middle, far, 'far')]);
  });

  afterEach(async () => {
    await link?.close();
    link = undefined;
  });

  afterAll(async () => {
    for (const held of [near, far, middle]) held?.process.kill();
  });

  async function connect(description: Link): Promise<Linkem> {
    link = await startLinkem({ enter: middle.enter, interfaces: ['near', 'far'], link: description });
    return link;
  }

  /** linkem as a program: its words on stdin and stdout. */
  async function connectByHand() {
    const program = start(
      middle,
      await buildLinkem(),
      'near',
      'far',
      '1',
      `a->b ${STANDING}`,
      `b->a ${STANDING}`,
    );
    const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('ready');
    const ask = async (line: string) => {
      program.stdin.write(`${line}\n`);
      return (await lines.next()).value as string;
    };
    return { program, lines, ask };
  }

  const up = (sent: Flow, meanwhile?: () => Promise<void>) => flow(near, far, '10.99.0.2', sent, meanwhile);
  const down = (sent: Flow) => flow(far, near, '10.99.0.1', sent);

  test('delays each direction by its own time', async () => {
    await connect({ up: { delayMs: 50 }, down: { delayMs: 100 } });
    for (const [received, delayMs] of [
      [await up({ count: 200, gapMs: 3 }), 50],
      [await down({ count: 200, gapMs: 3 }), 100],
    ] as const) {
      expect(received.length).toBe(200);
      expect(Math.min(...delays(received))).toBeGreaterThanOrEqual(delayMs);
      expect(median(delays(received))).toBeLessThan(delayMs * 1.1);
    }
  });

  test('jitter spreads the delay and keeps the order', async () => {
    await connect({ delayMs: 40, jitterMs: 15 });
    const received = await up({ count: 150, gapMs: 10 });
    expect(indices(received)).toEqual(Array.from({ length: 150 }, (_, index) => index));
    // Of the range's lower end only what nothing slow is ahead of: about every tenth frame.
    expect(Math.min(...delays(received))).toBeGreaterThanOrEqual(25);
    expect(Math.min(...delays(received))).toBeLessThan(31);
    expect(Math.max(...delays(received))).toBeGreaterThan(52);
  });

  test('lets through no more than the rate, and no less', async () => {
    await connect({ rateMbit: 10, queueKib: 2048 });
    const bytes = 1458;
    const received = await up({ count: 800, gapMs: 0, bytes, lingerMs: 1200 });
    expect(received.length).toBe(800);
    const window = 400;
    const tookMs = received.slice(window).map(({ at }, index) => at - (received[index]?.at ?? 0));
    const rateMbit = (window * (bytes + HEADERS_BYTES) * 8) / median(tookMs) / 1000;
    expect(rateMbit).toBeGreaterThan(9.5);
    expect(rateMbit).toBeLessThan(10.5);
  });

  test('drops what does not fit into the queue, and sends what waits at a new rate', async () => {
    const running = await connect({ rateMbit: 0.1 });
    // A frame takes 120 ms and the queue has room for 43.
    const received = await up({ count: 200, gapMs: 0, bytes: 1458 }, async () => {
      expect((await running.counters()).up.queueDrops).toBeGreaterThanOrEqual(150);
      expect((await running.counters()).up.queueDrops).toBeLessThanOrEqual(157);
      await running.change({});
    });
    const counters = (await running.counters()).up;
    expect(received.length).toBe(counters.delivered);
    expect(counters.delivered + counters.queueDrops).toBe(200);
  });

  test('loses as many as it should, and the same ones for the same seed', async () => {
    const lostFor = async (seed: number, meanwhile?: () => Promise<unknown>) => {
      const running = await connect({ lossPercent: 20, seed });
      const both = await Promise.all([up({ count: 2000, gapMs: 0.4 }), meanwhile?.()]);
      const received = new Set(indices(both[0]));
      const lost = Array.from({ length: 2000 }, (_, index) => index).filter((index) => !received.has(index));
      expect((await running.counters()).up.lost).toBe(lost.length);
      await running.close();
      return lost;
    };
    const first = await lostFor(1);
    expect(first.length).toBeGreaterThan(360);
    expect(first.length).toBeLessThan(440);
    // Whatever goes the other way; port 5000 is closed there, so send to a neighbour that is not there.
    await inside(far, 'ip', 'neigh', 'replace', '10.99.0.9', 'lladdr', '02:00:00:00:00:09', 'dev', 'end');
    expect(await lostFor(1, () => send(far, '10.99.0.9', { count: 300, gapMs: 1 }))).toEqual(first);
    expect(await lostFor(2)).not.toEqual(first);
  });

  test('the two directions of one seed lose different frames', async () => {
    await connect({ lossPercent: 50 });
    const sent = { count: 100, gapMs: 0.5 };
    expect(indices(await up(sent))).not.toEqual(indices(await down(sent)));
  });

  test('lets as many frames overtake as it should', async () => {
    const running = await connect({ delayMs: 50, reorderPercent: 25 });
    const received = await up({ count: 400, gapMs: 2 });
    const { reordered } = (await running.counters()).up;
    expect(reordered).toBeGreaterThan(80);
    expect(reordered).toBeLessThan(120);
    const early = received.filter(({ delayMs }) => delayMs < 50);
    expect(early.length).toBeGreaterThan(reordered / 2);
    expect(early.length).toBeLessThanOrEqual(reordered);
    // Those that travel keep their order among themselves: what was overtaken overtakes nothing.
    let newest = -1;
    const overtaken = indices(received).filter((index) => {
      newest = Math.max(newest, index);
      return index < newest;
    });
    expect(overtaken.length).toBeGreaterThan(100);
    expect(overtaken).toEqual(overtaken.toSorted((a, b) => a - b));
  });

  test('is another link once it was changed, and keeps its seed', async () => {
    const running = await connect({ delayMs: 5, seed: 3 });
    expect(median(delays(await up({ count: 50, gapMs: 3 })))).toBeLessThan(10);
    await running.change({ delayMs: 50, seed: 3 });
    expect(Math.min(...delays(await up({ count: 50, gapMs: 3 })))).toBeGreaterThanOrEqual(50);
    await running.change({ lossPercent: 100 });
    expect(await up({ count: 50, gapMs: 3 })).toEqual([]);
    await expect(running.change({ seed: 4 })).rejects.toThrow('leave it out');
    await expect(running.change({ lossPercent: 101 })).rejects.toThrow(RangeError);
  });

  test('drops and counts frames whose checksum is not in them', async () => {
    const running = await connect({});
    await inside(near, 'ethtool', '-K', 'end', 'tx', 'on');
    try {
      expect(await up({ count: 5, gapMs: 1 })).toEqual([]);
    } finally {
      await inside(near, 'ethtool', '-K', 'end', 'tx', 'off');
    }
    expect((await running.counters()).up).toMatchObject({ frames: 5, delivered: 0, unwhole: 5 });
  });

  test('drops and counts frames that the other side has no room for', async () => {
    const mtu = async (bytes: number) => {
      await inside(middle, 'ip', 'link', 'set', 'dev', 'near', 'mtu', String(bytes));
      await inside(near, 'ip', 'link', 'set', 'dev', 'end', 'mtu', String(bytes));
    };
    await mtu(9000);
    try {
      const running = await connect({});
      expect(indices(await up({ count: 5, gapMs: 1, bytes: 1472 }))).toHaveLength(5);
      expect(await up({ count: 5, gapMs: 1, bytes: 1473 })).toEqual([]);
      expect((await running.counters()).up).toMatchObject({ frames: 10, delivered: 5, oversize: 5 });
    } finally {
      await mtu(1500);
    }
  });

  test('loses what comes while an interface is down, without spinning, and goes on when it is up', async () => {
    const { program, lines, ask } = await connectByHand();
    await inside(middle, 'ip', 'link', 'set', 'dev', 'far', 'down');
    const before = await cpuTicks(program.pid);
    await send(near, '10.99.0.2', { count: 5, gapMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await cpuTicks(program.pid)) - before).toBeLessThan(10);
    expect(JSON.parse(await ask('counters'))['a->b']).toMatchObject({ frames: 5, unsent: 5 });
    await inside(middle, 'ip', 'link', 'set', 'dev', 'far', 'up');
    expect(await up({ count: 5, gapMs: 1 })).toHaveLength(5);
    program.stdin.end();
    await lines.next();
  });

  test('ends with its stdin, and says what it counted', async () => {
    const { program, lines } = await connectByHand();
    const exited = once(program, 'exit');
    program.stdin.end();
    expect(Object.keys(JSON.parse((await lines.next()).value))).toEqual(['a->b', 'b->a']);
    expect(await exited).toEqual([0, null]);
  });

  test('a link that was closed or killed says that it is gone', async () => {
    const running = await connect({});
    await running.close();
    await running.close();
    await expect(running.counters()).rejects.toThrow('The link is gone');
    await expect(running.change({})).rejects.toThrow('The link is gone');

    const killed = await startLinkem({
      enter: [...middle.enter, 'timeout', '--signal', 'KILL', '0.5'],
      interfaces: ['near', 'far'],
      link: {},
    });
    await new Promise((resolve) => setTimeout(resolve, 700));
    await expect(killed.counters()).rejects.toThrow('The link is gone');
    await killed.close();
  });

  test('refuses lines that it does not understand, and changes nothing by them', async () => {
    const { program, lines, ask } = await connectByHand();
    for (const [line, answer] of [
      ['', 'error expected a->b, b->a or counters, not ""'],
      ['a->c', 'error expected a->b, b->a or counters, not "a->c"'],
      ['a->b', 'error expected "delay", not ""'],
      ['a->b rate 1', 'error expected "delay", not "rate"'],
      ['a->b delay', 'error delay must be 0 to 10000 ms, not ""'],
      ['a->b  delay 1', 'error expected "delay", not ""'],
      ['a->b delay 1 jitter 0', 'error expected "rate", not ""'],
      [`a->b ${STANDING.replace('loss 0', 'loss 101')}`, 'error loss must be 0 to 100 percent, not "101"'],
      [`a->b ${STANDING.replace('delay 0', 'delay -1')}`, 'error delay must be 0 to 10000 ms, not "-1"'],
      [`a->b ${STANDING.replace('delay 0', 'delay 1e3')}`, 'error delay must be 0 to 10000 ms, not "1e3"'],
      [`a->b ${STANDING.replace('delay 0', 'delay nan')}`, 'error delay must be 0 to 10000 ms, not "nan"'],
      [`a->b ${STANDING.replace('delay 0', 'delay 1.')}`, 'error delay must be 0 to 10000 ms, not "1."'],
      [`a->b ${STANDING.replace('queue 64', 'queue 1')}`, 'error queue must be 2 to 65536 KiB, not "1"'],
      [
        `a->b ${STANDING.replace('rate 0', 'rate 0.0001')}`,
        'error rate must be 0 (none) or at least 0.001 Mbit/s',
      ],
      [`a->b ${STANDING.replace('jitter 0', 'jitter 1')}`, 'error jitter must not exceed delay'],
      [`a->b ${STANDING.replace('reorder 0', 'reorder 1')}`, 'error reorder needs a delay to skip'],
      [`a->b ${STANDING} more`, 'error more words than settings'],
      [`b->a ${STANDING}`, 'ok'],
    ] as const) {
      expect(await ask(line)).toBe(answer);
    }
    // Several lines at once, and one that never ends.
    const exited = once(program, 'exit');
    program.stdin.write(`a->b ${STANDING}\nb->a ${STANDING}\n${'x'.repeat(600)}`);
    expect([(await lines.next()).value, (await lines.next()).value]).toEqual(['ok', 'ok']);
    expect(await exited).toEqual([2, null]);
  });

  test.each([
    [['near', 'nowhere'], 'no interface "nowhere" in this network namespace'],
    [['near', 'near'], 'a link needs two interfaces, not "near" twice'],
    [['near', 'lo'], 'interface "lo" does not speak Ethernet'],
    [['near', 'a-name-of-16-char'], 'no interface has a name as long as'],
  ] as const)('does not start between %j', async (interfaces, message) => {
    const [a, b] = interfaces;
    await expect(startLinkem({ enter: middle.enter, interfaces: [a, b], link: {} })).rejects.toThrow(message);
  });
});

async function cpuTicks(pid = 0): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ');
  return Number(fields[13]) + Number(fields[14]);
}

test('does not start where its namespace cannot be entered', async () => {
  const starting = startLinkem({ enter: ['false'], interfaces: ['near', 'far'], link: {} });
  await expect(starting).rejects.toThrow('The link is gone');
  const missing = startLinkem({ enter: ['no-such-program'], interfaces: ['near', 'far'], link: {} });
  await expect(missing).rejects.toThrow('no-such-program');
});

describe('buildLinkem', () => {
  let cache: string;

  beforeAll(async () => {
    cache = await mkdtemp(join(tmpdir(), 'linkem-'));
  });

  afterEach(() => void vi.unstubAllEnvs());

  afterAll(() => rm(cache, { recursive: true }));

  test('compiles once, for however many ask at once', async () => {
    vi.stubEnv('XDG_CACHE_HOME', join(cache, 'made'));
    const programs = await Promise.all([buildLinkem(), buildLinkem(), buildLinkem()]);
    expect(new Set(programs).size).toBe(1);
    vi.stubEnv('PATH', cache);
    expect(await buildLinkem()).toBe(programs[0]);
  });

  test('names the packages to install where there is no compiler', async () => {
    vi.stubEnv('XDG_CACHE_HOME', join(cache, 'empty'));
    vi.stubEnv('PATH', cache);
    await expect(buildLinkem()).rejects.toThrow('install gcc and libc6-dev');
  });
});
