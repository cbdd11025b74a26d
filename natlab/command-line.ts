import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Link } from './link.ts';
import { NAT_TYPES, type Network, type Router, type RouterBehaviour } from './network.ts';

/** What is said with status 2. */
export class UsageError extends Error {}

export const COMMANDS = ['shell', 'demo', 'time'] as const;

export interface Invocation {
  readonly command: (typeof COMMANDS)[number] | 'help';
  readonly network: Network;
}

export const USAGE = `Usage: npm run natlab -- shell|demo|time NETWORK... [LINK]

  shell   opens the network and gives a prompt on each of its hosts
  demo    delivers a file between two browsers in it and tells what happened on the wire
  time    measures how long it takes to set the network up and to remove it

NETWORK is what is around one person: alice behind the router home1, bob behind home2, and so on.
  public                         a public address of one's own
  fullcone addr port             NATs that map alike wherever a packet goes, the strictest last
  symaddr symseq sym             NATs that map anew for each destination
with words after it, each with a plus (port+hairpin, symseq+step=2):
  hairpin                        the hosts inside reach one another by their outside addresses
  reject, accept                 what the router does with packets that no mapping claims; it drops them else
  udp-dropped, udp-rejected      no UDP goes out
  only-tcp-443                   nothing else goes out
  forgets=SECONDS                UDP mappings that nobody uses last no longer
  step=PORTS                     symseq counts by so many
  addresses=NUMBER               sym takes turns between so many addresses
  carrier=TYPE                   behind another NAT of that type, the carrier's
or, in the place of all, a path to a module that exports \`network\`, such as my-network.ts.

LINK is what the cable of each of these networks to the outside is like, in either direction:
  --delay MS --jitter MS --rate MBIT --queue KIB --loss PERCENT --reorder PERCENT
`;

const LINK_OPTIONS = {
  delay: 'delayMs',
  jitter: 'jitterMs',
  rate: 'rateMbit',
  queue: 'queueKib',
  loss: 'lossPercent',
  reorder: 'reorderPercent',
} as const satisfies Record<string, keyof Link>;

/** In the order in which they move in. */
const PEOPLE = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi'] as const;

/** @throws {UsageError} that says what to write instead */
export async function readArguments(args: readonly string[]): Promise<Invocation> {
  const { values, positionals } = parse(args);
  const [command, ...words] = positionals;
  if (values.help || command === undefined || command === 'help') return { command: 'help', network: {} };
  const known = COMMANDS.find((name) => name === command);
  if (known === undefined) {
    throw new UsageError(`There is no command "${command}": take ${COMMANDS.join(', ')}, or --help.`);
  }
  const { help: _, ...settings } = values;
  const link = linkOf(Object.entries(settings));
  if (words.length === 0) {
    throw new UsageError('Say which networks there are, such as: port symseq. --help lists them.');
  }
  const [first = ''] = words;
  if (!/\.[cm]?[jt]s$/.test(first)) return { command: known, network: networkOf(words, link) };
  if (words.length > 1 || link !== undefined) {
    throw new UsageError(`${first} describes the whole network: leave out the other words.`);
  }
  return { command: known, network: await loadNetwork(first) };
}

/**
 * A network by its words, one for each person.
 * @param link of each person's cable to the outside
 * @throws {UsageError} that says which word is wrong
 */
export function networkOf(words: readonly string[], link: Link | undefined): Network {
  if (words.length > PEOPLE.length) {
    throw new UsageError(`There are ${PEOPLE.length} people at most; describe more in a module of your own.`);
  }
  const cable = link === undefined ? {} : { link };
  const routers: Record<string, Router> = {};
  const hosts: Record<string, typeof cable> = {};
  for (const [index, word] of words.entries()) {
    const name = PEOPLE[index] ?? '';
    const [type = '', ...details] = word.split('+');
    if (type === 'public') {
      if (details.length > 0) throw new UsageError(`public stands alone: "${word}" has a router's words.`);
      hosts[name] = cable;
      continue;
    }
    const { carrier, ...behaviour } = routerOf(type, details, word);
    const home = { ...behaviour, hosts: { [name]: {} } };
    if (carrier === undefined) routers[`home${index + 1}`] = { ...home, ...cable };
    else routers[`carrier${index + 1}`] = { nat: carrier, ...cable, routers: { [`home${index + 1}`]: home } };
  }
  return { routers, hosts };
}

/** A link by names and numbers as on the command line; undefined where there are none. @throws {UsageError} */
export function linkOf(settings: readonly (readonly string[])[]): Link | undefined {
  if (settings.length === 0) return undefined;
  return Object.fromEntries(
    settings.map(([name = '', value = '']) => {
      const key = LINK_OPTIONS[name as keyof typeof LINK_OPTIONS];
      if (key === undefined) {
        throw new UsageError(`A link has no "${name}": it has ${Object.keys(LINK_OPTIONS).join(', ')}.`);
      }
      return [key, numberOf(name, value)];
    }),
  );
}

/** A router's behaviour by its words, as after the type on the command line. @throws {UsageError} */
export function routerOf(
  type: string,
  details: readonly string[],
  word = [type, ...details].join('+'),
): RouterBehaviour & { carrier?: RouterBehaviour['nat'] } {
  return Object.assign({ nat: natOf(type, word) }, ...details.map((detail) => behaviourOf(detail, word)));
}

function behaviourOf(detail: string, word: string): Partial<ReturnType<typeof routerOf>> {
  const [name = '', value = ''] = detail.split('=', 2);
  switch (name) {
    case 'hairpin':
      return { hairpin: true };
    case 'reject':
    case 'accept':
      return { unclaimed: name };
    case 'udp-dropped':
    case 'udp-rejected':
    case 'only-tcp-443':
      return { outbound: name };
    case 'forgets':
      return { mappingSeconds: numberOf(name, value) };
    case 'step':
      return { portStep: numberOf(name, value) };
    case 'addresses':
      return { wanAddresses: numberOf(name, value) };
    case 'carrier':
      return { carrier: natOf(value, word) };
    default:
      throw new UsageError(`"${name}" in "${word}" is no word of a router; --help lists them.`);
  }
}

function natOf(type: string, word: string): RouterBehaviour['nat'] {
  const nat = NAT_TYPES.find((known) => known === type);
  if (nat !== undefined) return nat;
  throw new UsageError(`"${type}" in "${word}" is no network: take public, ${NAT_TYPES.join(', ')}.`);
}

function numberOf(name: string, text: string): number {
  if (text.trim() === '' || !Number.isFinite(Number(text))) {
    throw new UsageError(`${name} takes a number, not "${text}".`);
  }
  return Number(text);
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        delay: text,
        jitter: text,
        rate: text,
        queue: text,
        loss: text,
        reorder: text,
      },
    });
  } catch (error) {
    // Node's message goes on with advice about "--"; its first sentence names the argument.
    const [sentence] = (error instanceof Error ? error.message : '').split(/\.\s|\n/, 1);
    throw new UsageError(`${sentence}. --help lists what there is.`);
  }
}

async function loadNetwork(path: string): Promise<Network> {
  // npm runs its scripts in the project's folder and tells where it was called.
  const url = pathToFileURL(resolve(process.env['INIT_CWD'] ?? '', path));
  const loaded: { network?: Network } = await import(url.href).catch((error) => {
    throw new UsageError(`${path} could not be loaded: ${error instanceof Error ? error.message : error}`);
  });
  if (typeof loaded.network !== 'object') throw new UsageError(`${path} exports no \`network\`.`);
  return loaded.network;
}
