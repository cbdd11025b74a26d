import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { linkOf, routerOf } from './command-line.ts';
import type { Lab } from './lab.ts';
import { mappingSentences, readMappings } from './mappings.ts';
import type { Resident } from './residents.ts';

export const SHELL_HELP = `A line runs on the host of the prompt, by sh. Ctrl-C ends it; with & at its end it goes on beside you.
  :alice, :bob, …           go to that host; :server and routers are hosts too
  :where                    who is where, again
  :routers                  what the routers remember: their mappings
  :nat home1 sym            home1 is another NAT from now on (the words of the command line: symseq+step=2)
  :flush home1              forgets its mappings
  :reboot home1             is gone for three seconds and has forgotten its mappings
  :renumber home1           gets another address outside
  :pull alice  :plug alice  takes alice's cable out, and puts it back; home1's too
  :link alice delay=50      changes the link on alice's way out: delay, jitter, rate, queue, loss, reorder
  :enter bob                how to get to bob from another terminal
  :help  :quit              Ctrl-C and Ctrl-D at the prompt quit as well
`;

const REBOOT_MS = 3000;

export interface ShellOptions {
  readonly lab: Lab;
  readonly residents: readonly Resident[];
  /** Set on every host, such as where the server is. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder of commands that every host has. */
  readonly programs: string;
  /** Lines to obey. If it is the terminal, what runs is given the terminal, else no input. */
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable;
  /** Said at the start and by `:where`. */
  readonly where: () => string;
}

/** Puts a person onto a lab's hosts, until they quit or the input ends. */
export async function runShell(options: ShellOptions): Promise<void> {
  const { lab, residents, input, output, where } = options;
  const say = (text: string): void => void output.write(`${text}\n`);
  const shell: Shell = { ...options, say, current: residents[0]?.host ?? 'server', hasQuit: false };
  await makeHomes(lab, [...residents.map(({ host }) => host), 'server'], shell);
  say(where());
  say('');
  say(':help lists what can be said here.');
  for await (const line of lines(shell)) {
    const words = line.trim().split(/\s+/);
    const [first = ''] = words;
    try {
      if (first.startsWith(':')) await obey(shell, first.slice(1), words.slice(1));
      else if (first !== '') await runLine(shell, line);
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
    if (shell.hasQuit) break;
  }
  if (input.isTTY) say('');
}

interface Shell extends ShellOptions {
  readonly say: (text: string) => void;
  current: string;
  hasQuit: boolean;
}

/** A terminal is read line by line, and left alone in between: it is then the running command's. */
async function* lines(shell: Shell): AsyncGenerator<string> {
  const { input, output } = shell;
  if (!input.isTTY) {
    yield* createInterface({ input });
    return;
  }
  let history: string[] = [];
  for (;;) {
    const reader = createInterface({ input, output, history, prompt: `${shell.current}$ ` });
    reader.on('history', (now) => {
      history = now;
    });
    const line = await new Promise<string | undefined>((resolve) => {
      reader.once('line', resolve);
      reader.once('close', () => resolve(undefined));
      reader.prompt();
    });
    reader.close();
    if (line === undefined) return;
    yield line;
  }
}

async function obey(shell: Shell, command: string, words: readonly string[]): Promise<void> {
  const { lab, say } = shell;
  const [name = '', ...rest] = words;
  const router = () => lab.router(name);
  switch (command) {
    case 'help':
      return say(SHELL_HELP.trimEnd());
    case 'quit':
      shell.hasQuit = true;
      return;
    case 'where':
      return say(shell.where());
    case 'routers':
      return showRouters(shell);
    case 'nat': {
      const { carrier, ...behaviour } = routerOf(...split(rest));
      if (carrier !== undefined) throw new RangeError('A carrier cannot be put before a home that stands.');
      await router().change(behaviour);
      return say(`${name} is now ${rest.join(' ')}, and has forgotten its mappings.`);
    }
    case 'flush':
      await router().flush();
      return say(`${name} has forgotten its mappings.`);
    case 'reboot':
      await router().reboot({ downMs: REBOOT_MS });
      return say(`${name} is back, and has forgotten its mappings.`);
    case 'renumber':
      return say(`${name} is at ${await router().renumber()} now, and has forgotten its mappings.`);
    case 'pull':
      await lab.cable(name).pull();
      return say(`The cable of ${name} is out.`);
    case 'plug':
      await lab.cable(name).plug();
      return say(`The cable of ${name} is back.`);
    case 'link':
      return changeLink(shell, name, rest);
    case 'enter':
      return say(`In another terminal: ${pathOf(lab, lab.host(name).name)}`);
    default:
      if (words.length > 0)
        throw new RangeError(`There is no ":${command}" that takes words; :help lists all.`);
      shell.current = lab.host(command).name;
  }
}

/** `symseq+step=2`, or with spaces. */
function split(words: readonly string[]): [type: string, details: string[]] {
  const [type = '', ...details] = words.flatMap((word) => word.split('+'));
  return [type, details];
}

async function showRouters({ lab, residents, say }: Shell): Promise<void> {
  const routers = [...new Set(residents.flatMap((resident) => resident.routers))];
  if (routers.length === 0) say('There are no routers: everyone has a public address.');
  for (const name of routers) {
    const router = lab.router(name);
    const { stdout } = await router.run('conntrack', ['-L']);
    const sentences = mappingSentences(readMappings(stdout));
    say(`${name} (${router.behaviour.nat}, outside ${router.ipv4.join(', ')})`);
    for (const sentence of sentences.length > 0 ? sentences : ['remembers nothing.']) say(`  ${sentence}`);
  }
}

/** A person speaks of their own link, wherever on their way out it is. */
async function changeLink(
  { lab, residents, say }: Shell,
  name: string,
  words: readonly string[],
): Promise<void> {
  const link = linkOf(words.map((word) => word.split('=', 2)));
  if (link === undefined) throw new RangeError('Say what of it changes, such as: :link alice delay=50');
  const cable = residents.find(({ host }) => host === name)?.links[0] ?? name;
  await lab.cable(cable).change(link);
  say(`The link of ${cable} now has ${words.join(', ')}, and is perfect otherwise.`);
}

/** Each host has a folder of its own, and a command that leads there, for other terminals as well. */
async function makeHomes(lab: Lab, hosts: readonly string[], { programs, env }: Shell): Promise<void> {
  await Promise.all(
    hosts.map(async (host) => {
      const home = join(lab.folder, 'home', host);
      await mkdir(home, { recursive: true });
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const enter = [...lab.host(host).enter, 'env', ...variables].map((word) => `'${word}'`).join(' ');
      const then = `cd '${home}' && PATH='${programs}':"$PATH" && if [ $# -gt 0 ]; then exec sh -c "$1"; else exec sh -i; fi`;
      await writeFile(
        pathOf(lab, host),
        `#!/bin/sh\nexec ${enter} PS1='${host}$ ' sh -c '${then.replaceAll("'", "'\\''")}' sh "$@"\n`,
      );
      await chmod(pathOf(lab, host), 0o755);
    }),
  );
}

function pathOf(lab: Lab, host: string): string {
  return join(lab.folder, `enter-${host}`);
}

async function runLine(
  { lab, current, residents, input, output, programs }: Shell,
  line: string,
): Promise<void> {
  const hasHome = current === 'server' || residents.some(({ host }) => host === current);
  const [command = '', ...args] = hasHome
    ? [pathOf(lab, current), line]
    : [...lab.host(current).enter, 'env', `PATH=${programs}:${process.env['PATH']}`, 'sh', '-c', line];
  // Ctrl-C is for what is in the foreground, so what goes on beside it leaves the terminal's group.
  const detached = /&\s*$/.test(line);
  const child = input.isTTY
    ? spawn(command, args, { stdio: 'inherit', detached })
    : spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached });
  child.stdout?.pipe(output, { end: false });
  child.stderr?.pipe(output, { end: false });
  const ignore = (): void => {};
  process.on('SIGINT', ignore);
  try {
    // What goes on in the background keeps the pipes open.
    await ended(child, detached ? 'exit' : 'close');
  } finally {
    process.off('SIGINT', ignore);
  }
}

function ended(child: ChildProcess, event: 'exit' | 'close'): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once(event, () => resolve());
  });
}
