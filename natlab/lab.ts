import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildScript, enforceScript, inNamespace, middleOf, renumberScript } from './commands.ts';
import { type EmulatedLink, type Emulation, findEmulation, startLink } from './emulation.ts';
import { type Keeper, openKeeper, type Privilege } from './keeper.ts';
import { type Cable, type Layout, layOut, type Machine } from './layout.ts';
import type { Link } from './link.ts';
import { checkRouter, type NatType, type Network, type Router, type RouterBehaviour } from './network.ts';
import { type PortMapper, startPortMapper } from './port-mapping.ts';

/** A network that stands. Whoever opened it closes it; it ends with the process that opened it in any case. */
export interface Lab extends AsyncDisposable {
  /** The machine of that name; `server` is always there. @throws {RangeError} where there is none */
  host(name: string): LabHost;
  router(name: string): LabRouter;
  /** The cable from the machine of that name to the switch that it is plugged into. */
  cable(name: string): LabCable;
  /** A folder that is gone with the lab. */
  readonly folder: string;
  /** Ends every process inside and removes the network. */
  close(): Promise<void>;
}

/** A machine on which programs run. */
export interface LabHost {
  readonly name: string;
  /** Its IPv4 addresses, its own first. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** The words before a command that let it run on this machine, in the folder of the process that opened the lab. */
  readonly enter: readonly string[];
  /**
   * Starts a program on it, which ends with the lab at the latest.
   * @param options.env added to this process's own environment
   */
  start(command: string, args?: readonly string[], options?: StartOptions): ChildProcess;
  /** Runs a program on it to its end. A status other than 0 is no error. */
  run(
    command: string,
    args?: readonly string[],
    options?: StartOptions & { timeoutMs?: number },
  ): Promise<Ran>;
  /** The path of a program that runs another one on this machine, for those who start it by its path alone. */
  wrap(program: string): Promise<string>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A router, which can also run programs, as its own services do. */
export interface LabRouter extends LabHost {
  readonly behaviour: RouterBehaviour;
  /** Behaves otherwise from now on, where undefined is as unless said; the mappings it had are forgotten. */
  change(behaviour: RouterChange): Promise<void>;
  /** Forgets its mappings. */
  flush(): Promise<void>;
  /** Is gone for a while and comes back without its mappings. */
  reboot(options: { downMs: number }): Promise<void>;
  /** Gets another address outside, as after a dial-in; its mappings are gone. @returns the new one */
  renumber(): Promise<string>;
}

export type RouterChange = { readonly nat?: NatType } & {
  readonly [K in Exclude<keyof RouterBehaviour, 'nat'>]?: RouterBehaviour[K] | undefined;
};

export interface LabCable {
  /** Both ends see that there is nothing any more. */
  pull(): Promise<void>;
  plug(): Promise<void>;
  /** Is another link from now on; only for a cable that was described with one. */
  change(link: Link): Promise<void>;
  /** What an emulated link has moved, lost and dropped. */
  counters(): ReturnType<EmulatedLink['counters']>;
}

const RUN_TIMEOUT_MS = 60_000;

/**
 * Builds a network and gives it once everything in it answers.
 *
 * @param privilege how namespaces are had; the rights of this process unless said
 * @throws {RangeError} where the description contradicts itself
 * @throws {Error} where there can be no namespaces here, or a program is missing
 */
export async function openLab(network: Network, privilege?: Privilege): Promise<Lab> {
  const layout = layOut(network);
  const keeper = await openKeeper(privilege);
  const emulation = await findEmulation(keeper);
  const lab = new RunningLab(layout, keeper, emulation);
  try {
    await keeper.run(buildScript(layout, emulation));
    await lab.startLinks();
    await lab.startPortMappers();
    return lab;
  } catch (error) {
    await lab.close();
    throw error;
  }
}

class RunningLab implements Lab {
  readonly #machines: Map<string, Machine>;
  readonly #cables: Map<string, Cable>;
  readonly #links = new Map<string, EmulatedLink>();
  readonly #portMappers = new Map<string, PortMapper>();
  readonly #keeper: Keeper;
  readonly #emulation: Emulation;
  readonly #children = new Set<ChildProcess>();

  constructor({ machines, cables }: Layout, keeper: Keeper, emulation: Emulation) {
    this.#machines = new Map(machines.map((machine) => [machine.name, machine]));
    this.#cables = new Map(cables.map((cable) => [cable.machine, cable]));
    this.#keeper = keeper;
    this.#emulation = emulation;
  }

  get folder(): string {
    return this.#keeper.folder;
  }

  async startLinks(): Promise<void> {
    await Promise.all(
      [...this.#cables.values()].map(async (cable) => {
        if (cable.link === undefined) return;
        const link = await startLink(this.#keeper, cable, cable.link, this.#emulation);
        this.#links.set(cable.machine, link);
      }),
    );
  }

  async startPortMappers(): Promise<void> {
    await Promise.all([...this.#machines.keys()].map((name) => this.#startPortMapper(name)));
  }

  host(name: string): LabHost {
    const { outside } = this.#machine(name);
    const addresses = outside?.addresses ?? [];
    const enter = this.#keeper.enter(name);
    const start: LabHost['start'] = (command, args = [], options) =>
      this.#start([...enter, command, ...args], options);
    return {
      name,
      ipv4: addresses.filter(({ family }) => family === 4).map(({ address }) => address),
      ipv6: addresses.filter(({ family }) => family === 6).map(({ address }) => address),
      enter,
      start,
      run: (command, args, options = {}) => finish(start(command, args, options), options.timeoutMs),
      wrap: async (program) => {
        const path = join(this.folder, `${name}-${program.replaceAll(/[^\w.-]/g, '_')}`);
        await writeFile(path, `#!/bin/sh\nexec ${[...enter, program].map(quoted).join(' ')} "$@"\n`);
        await chmod(path, 0o755);
        return path;
      },
    };
  }

  router(name: string): LabRouter {
    const lab = this;
    const now = (): Machine & {
      router: NonNullable<Machine['router']>;
      outside: NonNullable<Machine['outside']>;
    } => {
      const machine = this.#machine(name);
      const { router, outside } = machine;
      if (router === undefined || outside === undefined) throw new RangeError(`${name} is no router.`);
      return { ...machine, router, outside };
    };
    now();
    const inside = (script: string): Promise<string> => this.#keeper.run(inNamespace(name, script));
    const forget = async (): Promise<void> => {
      await this.#portMappers.get(name)?.close();
      await inside([enforceScript(now()), FORGET].join('\n'));
    };
    const enforce = async (): Promise<void> => {
      await forget();
      await this.#startPortMapper(name);
    };
    return {
      ...this.host(name),
      get ipv4() {
        return lab.host(name).ipv4;
      },
      get behaviour() {
        return now().router;
      },
      change: async (behaviour) => {
        const machine = now();
        const merged = { ...machine.router, ...behaviour };
        const router = Object.fromEntries(
          Object.entries(merged).filter(([, value]) => value !== undefined),
        ) as unknown as Router;
        checkRouter(name, router);
        if ((router.wanAddresses ?? 1) !== (machine.router.wanAddresses ?? 1)) {
          throw new RangeError(`Router ${name}: how many addresses it has is for its description to say.`);
        }
        this.#machines.set(name, { ...machine, router });
        await enforce();
      },
      // The rules hold the learnt mappings: put in force again, they have none.
      flush: enforce,
      reboot: async ({ downMs }) => {
        const ports = [...this.#cables.values()].filter(({ into }) => into === name);
        const inward = (state: 'up' | 'down') =>
          inside(ports.map(({ machine }) => `ip link set dev ${machine} ${state}`).join('\n'));
        const outward = this.cable(name);
        await Promise.all([inward('down'), outward.pull()]);
        await forget();
        await sleep(downMs);
        await Promise.all([inward('up'), outward.plug()]);
        await this.#startPortMapper(name);
      },
      renumber: async () => {
        const machine = now();
        const [old, ...others] = machine.outside.addresses;
        const [next, ...spare] = machine.outside.spare;
        if (old?.family !== 4 || next === undefined)
          throw new RangeError(`${name} has no other address to take.`);
        await this.#keeper.run(renumberScript(machine, old, next));
        // What it had comes back at the end of the line.
        const outside = { ...machine.outside, addresses: [next, ...others], spare: [...spare, old] };
        this.#machines.set(name, { ...machine, outside });
        await enforce();
        return next.address;
      },
    };
  }

  cable(name: string): LabCable {
    const cable = this.#cables.get(name);
    if (cable === undefined) throw new RangeError(`There is no machine called ${name} that has a cable.`);
    const link = (): EmulatedLink => {
      const running = this.#links.get(name);
      if (running === undefined) throw new RangeError(`The cable of ${name} was described without a link.`);
      return running;
    };
    // The end that is not the machine's own: an interface that is set down itself loses its routes.
    const hasMiddle = cable.link !== undefined && this.#emulation === 'linkem';
    const [namespace, devices] = hasMiddle ? [middleOf(cable), ['inner', 'outer']] : [cable.into, [name]];
    const set = async (state: 'up' | 'down'): Promise<void> => {
      const commands = devices.map((device) => `ip -n ${namespace} link set dev ${device} ${state}`);
      await this.#keeper.run(commands.join(' && '));
    };
    return {
      pull: () => set('down'),
      plug: () => set('up'),
      change: (to) => link().change(to),
      counters: () => link().counters(),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    for (const child of this.#children) killGroup(child);
    await this.#keeper.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #machine(name: string): Machine {
    const machine = this.#machines.get(name);
    if (machine !== undefined) return machine;
    throw new RangeError(`There is no machine called ${name}: ${[...this.#machines.keys()].join(', ')}.`);
  }

  /** On a router that was described with one. */
  async #startPortMapper(name: string): Promise<void> {
    const { router, outside } = this.#machine(name);
    const wanAddress = outside?.addresses.find(({ family }) => family === 4)?.address;
    if (router?.portMapping === undefined || wanAddress === undefined) return;
    const mapper = await startPortMapper({
      name,
      protocols: router.portMapping,
      wanAddress,
      folder: this.folder,
      start: this.host(name).start,
      inside: (script) => this.#keeper.run(inNamespace(name, script)),
    });
    this.#portMappers.set(name, mapper);
  }

  #start([command = '', ...args]: readonly string[], options: StartOptions = {}): ChildProcess {
    const env = { ...process.env, ...options.env };
    const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    child.stdin.on('error', () => {}); // It may not read.
    return child;
  }
}

/** Connections that were tracked are mappings that were made. */
const FORGET = 'conntrack -F';

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {} // It is gone.
}

async function finish(child: ChildProcess, timeoutMs = RUN_TIMEOUT_MS): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  child.stdin?.end();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const killing = setTimeout(() => killGroup(child), timeoutMs);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { status, stdout, stderr };
  } finally {
    clearTimeout(killing);
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
