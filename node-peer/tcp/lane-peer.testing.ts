// One of two peers on a machine of a lab. A JSON line asks it to prepare a meeting point or to meet; it answers each
// with one. The handshake between the two is the same every time, so that both have its keys.
import { createInterface } from 'node:readline';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import type { Role } from '#protocol/handshake/role.ts';
import type { TcpAddresses } from '#protocol/handshake/tcp-addresses.ts';
import type { TcpMeetingPoint } from '#transport/tcp-lanes.ts';
import { tcpLaneMaker } from './tcp-lane-maker.ts';

const sessions = pairedRun();
const points: TcpMeetingPoint[] = [];

const deeds = {
  async prepare({ stunUrls }: { stunUrls: string[] }) {
    const point = await tcpLaneMaker().prepare({ stunUrls, signal: new AbortController().signal });
    points.push(point);
    return { point: points.length - 1, addresses: point.addresses };
  },

  /** Meets, and says its role to the other side, which says its own. */
  async meet({ role, point, theirs }: { role: Role; point: number; theirs: TcpAddresses }) {
    const startedMs = performance.now();
    const found = await points[point]?.meet(theirs, sessions[role]);
    if (!found) throw new Error('no such point');
    const tookMs = Math.round(performance.now() - startedMs);
    const heard = await new Promise((resolve, reject) => {
      found.lane.attach((message) => resolve(new TextDecoder().decode(message)), reject);
      found.lane.send(Uint8Array.from(Buffer.from(role)));
    });
    return { laneId: found.lane.id, route: found.route, tookMs, heard };
  },
};

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { deed, ...options } = JSON.parse(line);
    const outcome = await deeds[deed as keyof typeof deeds](options).catch((error) => ({
      error: error.code ?? String(error),
    }));
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
  })
  .on('close', () => process.exit());
