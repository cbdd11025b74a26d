import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Lab } from './lab.ts';

const PAGE_PORT = 8080;
const STUN_PORT = 3478;
/** Where NAT behaviour discovery is answered, on both of the server's addresses, on this port and the next. */
const DISCOVERY_PORT = 3480;
const START_TIMEOUT_MS = 10_000;

/** What runs on the lab's server. */
export interface Services {
  /** The page and signaling, as `http://address:port`. */
  readonly url: string;
  readonly stun: string;
  /** The STUN server that also tells clients how their NAT behaves (RFC 5780). */
  readonly discovery: string;
}

/**
 * Starts `sallyport serve` and a STUN server with two addresses on the lab's server; they end with the lab.
 * @throws {Error} where the programs are not built
 */
export async function startServices(lab: Lab): Promise<Services> {
  const server = lab.host('server');
  const [address = '', alternate = ''] = server.ipv4;
  const start = async (program: string, args: readonly string[]): Promise<void> => {
    const child = server.start(process.execPath, [program, ...args]);
    let complaint = '';
    child.stderr?.on('data', (text) => {
      complaint += text;
    });
    if (child.stdout === null) throw new Error('It has no standard output.');
    const lines = createInterface({ input: child.stdout });
    const signal = AbortSignal.timeout(START_TIMEOUT_MS);
    const said = await new Promise<string>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
      signal.addEventListener('abort', () => resolve(''));
    });
    if (!said.includes('"listening"'))
      throw new Error(`${program} did not start: ${said}${complaint.trim()}`);
  };
  const ports = ['--port', `${PAGE_PORT}`, '--stun-port', `${STUN_PORT}`];
  await Promise.all([
    start(built('cli'), ['serve', '--json', ...ports]),
    start(built('stun-server'), [
      ...['--json', '--host', address, '--port', `${DISCOVERY_PORT}`, '--alternate', alternate],
    ]),
  ]);
  return {
    url: `http://${address}:${PAGE_PORT}`,
    stun: `${address}:${STUN_PORT}`,
    discovery: `${address}:${DISCOVERY_PORT}`,
  };
}

/**
 * Puts the command `sallyport` into a folder of the lab, which belongs on the PATH of those who are to have it.
 * @returns the folder
 */
export async function installCommand(lab: Lab): Promise<string> {
  const folder = join(lab.folder, 'bin');
  await mkdir(folder, { recursive: true });
  const command = join(folder, 'sallyport');
  await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${built('cli')}' "$@"\n`);
  await chmod(command, 0o755);
  return folder;
}

function built(room: 'cli' | 'stun-server'): string {
  const path = fileURLToPath(new URL(`../dist/${room}/main.js`, import.meta.url));
  if (!existsSync(path)) throw new Error('The programs are not built yet: npm run build makes them.');
  return path;
}
