import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Lab } from '../lab.ts';
import { type Datagram, readDatagram } from './datagram.ts';
import { PcapReader } from './pcap.ts';

/** A datagram that passed a machine's own plug. */
export interface Sighting extends Datagram {
  readonly machine: string;
  /** Microseconds since 1970. */
  readonly atUs: number;
}

export interface Capture {
  /** Ends it. @returns everything that was seen, in the order of time */
  stop(): Promise<Sighting[]>;
}

/** The headers, and all of a STUN message between peers. */
const SNAP_BYTES = 400;
/** Names are looked up by browsers all the time, and are not found here. */
const FILTER = 'udp and not port 53';
const START_TIMEOUT_MS = 10_000;

/** Watches the plug of each of these machines, at hosts `eth0`, at routers `wan`. */
export async function startCapture(
  lab: Lab,
  plugs: readonly { machine: string; device: 'eth0' | 'wan' }[],
): Promise<Capture> {
  const stops = await Promise.all(plugs.map(({ machine, device }) => watch(lab, machine, device)));
  return {
    stop: async () => {
      const seen = (await Promise.all(stops.map((stop) => stop()))).flat();
      return seen.sort((a, b) => a.atUs - b.atUs);
    },
  };
}

async function watch(lab: Lab, machine: string, device: string): Promise<() => Promise<Sighting[]>> {
  // -Z: it stays who it is, as another user may not be had here.
  const args = ['-i', device, '-w', '-', '-U', '--immediate-mode', '-n', '-Z', 'root', '-B', '16384'];
  const child = lab.host(machine).start('tcpdump', [...args, '-s', `${SNAP_BYTES}`, FILTER]);
  const closed = once(child, 'close');
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('tcpdump has no output.');
  const reader = new PcapReader();
  const sightings: Sighting[] = [];
  stdout.on('data', (chunk: Uint8Array) => {
    for (const { atUs, bytes } of reader.push(chunk)) {
      const datagram = readDatagram(bytes);
      if (datagram !== null) sightings.push({ ...datagram, machine, atUs });
    }
  });
  const complaints: string[] = [];
  const lines = createInterface({ input: stderr });
  const isListening = new Promise<boolean>((resolve) => {
    lines.on('line', (line) => {
      complaints.push(line);
      if (line.includes('listening on')) resolve(true);
    });
    closed.then(
      () => resolve(false),
      () => resolve(false), // It could not be started.
    );
    AbortSignal.timeout(START_TIMEOUT_MS).addEventListener('abort', () => resolve(false));
  });
  if (!(await isListening)) {
    const complaint = complaints.join(' ');
    throw new Error(
      complaint.includes("Couldn't change to")
        ? "tcpdump refuses to watch in a user's namespaces: the demo needs root. The shell does not."
        : `The wire cannot be watched: ${complaint || 'install tcpdump'}`,
    );
  }
  return async () => {
    child.kill('SIGINT');
    await closed;
    return sightings;
  };
}
