import type { Lab } from './lab.ts';
import type { Resident } from './residents.ts';
import type { Services } from './services.ts';

/** Who is where, a line each. */
export function whoIsWhere(lab: Lab, residents: readonly Resident[], services: Services): string {
  const addresses = (name: string): string => {
    const { ipv4, ipv6 } = lab.host(name);
    return [...ipv4, ...ipv6].join(', ');
  };
  const behind = (name: string): string => {
    const { nat, outbound, hairpin } = lab.router(name).behaviour;
    const details = [nat, ...(hairpin ? ['hairpin'] : []), ...(outbound === undefined ? [] : [outbound])];
    return `${name} (${details.join(', ')}; outside ${addresses(name)})`;
  };
  const rows = [
    ['server', addresses('server')],
    ['', `the page: ${services.url}`],
    ['', `STUN: ${services.stun}; with NAT behaviour discovery: ${services.discovery}`],
    ...residents.map(({ host, routers }) => [
      host,
      `${addresses(host)}${routers.length === 0 ? ', public' : ` behind ${routers.map(behind).join(' behind ')}`}`,
    ]),
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length)) + 2;
  return rows.map(([name = '', text]) => `${name.padEnd(width)}${text}`).join('\n');
}
