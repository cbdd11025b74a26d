import { openLab } from '../lab.ts';
import { mappingSentences, readMappings } from '../mappings.ts';
import type { Network } from '../network.ts';
import { residentsOf } from '../residents.ts';
import { startServices } from '../services.ts';
import { whoIsWhere } from '../where.ts';
import { startCapture } from './capture.ts';
import type { Cast } from './cast.ts';
import { deliver, type Report } from './delivery.ts';
import { layOutLine } from './page-layout.ts';
import { tellStory } from './story.ts';

export interface Telling {
  /** Columns of the terminal, if it is one. */
  readonly width: number | undefined;
  readonly hasColour: boolean;
  readonly say: (text: string) => void;
  /** What is going on meanwhile. */
  readonly progress: (text: string) => void;
}

/**
 * Delivers a file between the first two people of a network and tells what happened on the wire.
 * @throws {RangeError} where there are no two
 */
export async function runDemo(network: Network, telling: Telling): Promise<void> {
  const { say, progress } = telling;
  const residents = residentsOf(network).sort((a, b) => (a.host < b.host ? -1 : 1));
  const [first, second] = residents;
  if (first === undefined || second === undefined) {
    throw new RangeError('A delivery is between two: say two networks, such as: demo port port.');
  }
  await using lab = await openLab(network);
  const services = await startServices(lab);
  const pair = [first, second] as const;
  const people = [first.host, second.host] as const;
  const routers = [...new Set(pair.flatMap((person) => person.routers))];
  const cast: Cast = {
    people,
    routersOf: Object.fromEntries(pair.map((person) => [person.host, person.routers])),
    natOf: Object.fromEntries(routers.map((name) => [name, lab.router(name).behaviour.nat])),
    addressesOf: Object.fromEntries(
      ['server', ...people, ...routers].map((name) => {
        const { ipv4, ipv6 } = lab.host(name);
        return [name, [...ipv4, ...ipv6]];
      }),
    ),
  };
  say(whoIsWhere(lab, pair, services));
  progress('\nTwo browsers deliver a file; what passes is recorded …');
  const capture = await startCapture(lab, [
    ...['server', ...people].map((machine) => ({ machine, device: 'eth0' as const })),
    ...routers.map((machine) => ({ machine, device: 'wan' as const })),
  ]);
  const reports: Report[] = [];
  await deliver(lab, services.url, people, (report) => {
    reports.push(report);
    // Over a slow link the rest takes its time.
    if (report.what.kind === 'connected') progress('They are connected; the file is on its way …');
  });
  const tables = await Promise.all(
    routers.map(async (name) => ({
      name,
      ...(await lab.router(name).run('conntrack', ['-L', '-p', 'udp'])),
    })),
  );
  const sightings = await capture.stop();
  for (const line of tellStory({ cast, sightings, reports })) say(`\n${layOutLine(line, telling)}`);
  for (const { name, stdout } of tables) {
    const mappings = readMappings(stdout).filter(({ remote }) => !remote.endsWith(':53'));
    say(`\nWhat ${name} remembers in the end:`);
    for (const sentence of mappings.length > 0 ? mappingSentences(mappings) : ['nothing'])
      say(`  ${sentence}`);
  }
}
