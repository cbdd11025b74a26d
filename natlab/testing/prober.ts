import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LabHost } from '../lab.ts';

const PROGRAM = fileURLToPath(new URL('./prober-main.mjs', import.meta.url));
/** Everything here takes milliseconds; so long is a machine that stands still. */
const PATIENCE_MS = 10_000;

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Heard extends Endpoint {
  readonly text: string;
}

/** A program on a machine of a lab that does with sockets what a test wants. It ends with the lab. */
export class Prober {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (answer: { result?: object; error?: string }) => void>();
  readonly #sockets = new Map<number, ProbeSocket>();
  #count = 0;

  constructor(host: LabHost) {
    this.#child = host.start(process.execPath, [PROGRAM]);
    this.#child.stderr?.on('data', (text) => process.stderr.write(text));
    if (this.#child.stdout === null) throw new Error('no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const { id, socket, ...said } = JSON.parse(line);
      if (id === undefined) this.#sockets.get(socket)?.heard(said);
      else this.#answers.get(id)?.(said);
    });
  }

  /** A UDP socket on all addresses of the machine. */
  udp({ family = 4, port = 0 }: { family?: 4 | 6; port?: number } = {}): Promise<ProbeSocket> {
    return this.#socket('udp', { family, port });
  }

  /** A connection to an echo server. @throws {Error} whose message is the system's code */
  tcp(to: Endpoint): Promise<ProbeSocket> {
    return this.#socket('tcp', { to });
  }

  /** An echo server. @returns its port */
  async listen({ port = 0, family = 4 }: { port?: number; family?: 4 | 6 } = {}): Promise<number> {
    return (await this.#ask<{ port: number }>('listen', { port, family })).port;
  }

  /**
   * What comes of a first packet: `open`, an error's code, or, once a packet sent later was refused elsewhere,
   * `silence`.
   */
  async knock(
    protocol: 'udp' | 'tcp',
    to: Endpoint,
    refusing?: Endpoint & { protocol?: 'udp' | 'tcp' },
  ): Promise<string> {
    const { answer } = await this.#ask<{ answer: string }>('knock', {
      to: { protocol, ...to },
      ...(refusing && { refusing: { protocol, ...refusing } }),
    });
    return answer;
  }

  async #socket(does: string, options: object): Promise<ProbeSocket> {
    const socket = this.#count++;
    const probe = new ProbeSocket((text, to) => this.#ask('send', { socket, text, to }));
    this.#sockets.set(socket, probe);
    const { port } = await this.#ask<{ port: number }>(does, { socket, ...options });
    probe.port = port;
    return probe;
  }

  async #ask<Result>(does: string, options: object): Promise<Result> {
    const id = this.#count++;
    const answer = new Promise<{ result?: object; error?: string }>((resolve) => {
      this.#answers.set(id, resolve);
    });
    this.#child.stdin?.write(`${JSON.stringify({ id, does, ...options })}\n`);
    const { result, error } = await within(answer, () => `${does} ${JSON.stringify(options)}: no answer`);
    if (error !== undefined) throw new Error(error);
    return result as Result;
  }
}

export class ProbeSocket {
  port = 0;
  readonly #send: (text: string, to?: Endpoint) => Promise<unknown>;
  readonly #unread: Heard[] = [];
  #reader: ((heard: Heard) => void) | undefined;

  constructor(send: (text: string, to?: Endpoint) => Promise<unknown>) {
    this.#send = send;
  }

  /** @param to where a UDP socket sends it */
  async send(text: string, to?: Endpoint): Promise<void> {
    await this.#send(text, to);
  }

  heard(heard: Heard): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) this.#unread.push(heard);
    else reader(heard);
  }

  /** The oldest that was not yet given: one reader at a time. */
  next(): Promise<Heard> {
    const unread = this.#unread.shift();
    if (unread !== undefined) return Promise.resolve(unread);
    const next = new Promise<Heard>((resolve) => {
      this.#reader = resolve;
    });
    return within(next, () => `socket ${this.port} heard nothing`);
  }
}

/** @throws {Error} with the reason where it takes too long */
async function within<Value>(value: Promise<Value>, reason: () => string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${reason()} within ${PATIENCE_MS} ms.`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}
