import type { LabHost } from '#natlab/lab.ts';

/** @returns how many UDP datagrams programs have received on that host, as its kernel counts them */
export async function datagramsReceived(host: LabHost): Promise<number> {
  const { stdout } = await host.run('cat', ['/proc/net/snmp', '/proc/net/snmp6']);
  // A line of names, and under it one of numbers.
  const [names = '', values = ''] = stdout.split('\n').filter((line) => line.startsWith('Udp:'));
  const index = names.split(' ').indexOf('InDatagrams');
  const counts = [values.split(' ')[index], /^Udp6InDatagrams\s+(\d+)$/m.exec(stdout)?.[1]].map(Number);
  const [four = Number.NaN, six = Number.NaN] = counts;
  if (!Number.isInteger(four + six)) throw new Error('the kernel does not count datagrams');
  return four + six;
}
