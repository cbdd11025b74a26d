import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Router } from './network.ts';

/** The service of a router that opens ports for the hosts behind it: Debian's miniupnpd. */
export interface PortMapper {
  /** Ends it, and everything that it mapped. */
  close(): Promise<void>;
}

export interface PortMapperOptions {
  /** Of the router. */
  readonly name: string;
  readonly protocols: NonNullable<Router['portMapping']>;
  /** The router's own address outside, which hosts are told. */
  readonly wanAddress: string;
  /** For its settings; those of several routers do not meet there. */
  readonly folder: string;
  /** Starts a program on the router. */
  readonly start: (command: string, args: readonly string[]) => ChildProcess;
  /** Runs a script on the router. */
  readonly inside: (script: string) => Promise<string>;
}

const OWN_ADDRESS_SERVER = fileURLToPath(new URL('./echo-own-address.mjs', import.meta.url));
const SSDP_PORT = 1900;
const NAT_PMP_PORT = 5351;

/**
 * Starts it anew, without mappings. The router's forward chain has to admit what was translated.
 *
 * @returns once it answers
 * @throws {Error} with what miniupnpd complained of
 */
export async function startPortMapper(options: PortMapperOptions): Promise<PortMapper> {
  const { name, protocols, wanAddress, folder, start, inside } = options;
  await inside(`${PREPARE}\nip route replace 239.0.0.0/8 dev lan`);
  // It refuses to tell a reserved address, as a home's behind a carrier is, unless it has learnt it by STUN.
  const stun = start(process.execPath, [OWN_ADDRESS_SERVER, wanAddress]);
  try {
    const settings = join(folder, `miniupnpd-${name}`);
    await writeFile(settings, settingsOf(protocols, wanAddress, await firstLine(stun)));
    const daemon = start('miniupnpd', ['-d', '-f', settings, '-P', `${settings}.pid`]);
    const ended = lastWords(daemon);
    const failed = ended.then((complaint) => {
      throw new Error(`Router ${name}: miniupnpd ended: ${complaint}`);
    });
    const ports = [
      ...(protocols === 'pcp' ? [] : [SSDP_PORT]),
      ...(protocols === 'upnp' ? [] : [NAT_PMP_PORT]),
    ];
    await Promise.race([inside(ports.map(untilBound).join('\n')), failed]);
    return {
      close: async () => {
        // At once: asked to end, it would first take leave of everyone, and learn its address again if that changed.
        daemon.kill('SIGKILL');
        await ended;
        await inside('nft delete table inet miniupnpd');
      },
    };
  } finally {
    stun.kill();
  }
}

/** Before the router's own translation, so that a mapped port is not taken for another one's. */
const PREPARE = `nft -f - <<'END'
table inet miniupnpd
delete table inet miniupnpd
table inet miniupnpd {
  chain miniupnpd { }
  chain prerouting_miniupnpd { type nat hook prerouting priority dstnat - 1; }
  chain postrouting_miniupnpd { type nat hook postrouting priority srcnat - 1; }
}
END`;

function settingsOf(protocols: PortMapperOptions['protocols'], stunHost: string, stunPort: string): string {
  return `ext_ifname=wan
listening_ip=lan
ext_perform_stun=yes
ext_stun_host=${stunHost}
ext_stun_port=${stunPort}
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
ipv6_disable=yes
secure_mode=yes
enable_upnp=${protocols === 'pcp' ? 'no' : 'yes'}
enable_natpmp=${protocols === 'upnp' ? 'no' : 'yes'}
uuid=${randomUUID()}
`;
}

function untilBound(port: number): string {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return `tries=500
until grep -q ':${hex} ' /proc/net/udp; do
  [ $((tries -= 1)) -gt 0 ] || { echo 'Nothing came to listen on UDP port ${port}.' >&2; exit 1; }
  sleep 0.01
done`;
}

/** @returns the first that it says, which is a short line */
async function firstLine(child: ChildProcess): Promise<string> {
  const ended = lastWords(child).then((complaint) => {
    throw new Error(`The server of a router's own address ended: ${complaint}`);
  });
  const said = new Promise<string>((resolve) => child.stdout?.setEncoding('utf8').once('data', resolve));
  return (await Promise.race([said, ended])).trim();
}

/** Reads what it complains of until it ends. @returns the last of that */
async function lastWords(child: ChildProcess): Promise<string> {
  let words = '';
  child.stdout?.resume();
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = text;
  });
  await once(child, 'close');
  return words.trim();
}
