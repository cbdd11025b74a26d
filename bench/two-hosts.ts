import { join } from 'node:path';
import { type Lab, type LabHost, openLab } from '#natlab/lab.ts';
import type { Link } from '#natlab/link.ts';
import { type Server, startServer } from '../e2e/harness/server.ts';
import type { Bench } from './bench.ts';
import { type Browser, type LaunchOptions, launchChromium } from './chromium.ts';
import type { CommandOptions } from './peers/parties.ts';

/** alice, who sends, and bob, who receives, each with an address of its own and no NAT between; the server is a third. */
export interface TwoHosts extends AsyncDisposable {
  readonly lab: Lab;
  readonly server: Server;
  command(host: Host): CommandOptions;
  /** What starts a browser on that host. */
  launching(host: Host): LaunchOptions;
  /** One with a profile. Whoever launches it disposes of it. */
  browser(host: Host): Promise<Browser>;
  address(host: Host | 'server'): string;
}

export type Host = 'alice' | 'bob';

/** @param toBob the link that all crosses that bob does and is sent; without it they are on one LAN, as fast as the kernel is */
export async function openTwoHosts(bench: Bench, toBob?: Link): Promise<TwoHosts> {
  const lab = await openLab({ hosts: { alice: {}, bob: toBob === undefined ? {} : { link: toBob } } });
  try {
    await forgetPastFlows(lab.host('alice'));
    const address = (name: string): string => lab.host(name).ipv4[0] ?? '';
    const args = ['--host', address('server'), '--port', '443', '--stun-port', '3478', '--tls', 'auto'];
    const server = await startServer(args, { enter: lab.host('server').enter, env: bench.env });
    const certificate = join(bench.env['XDG_STATE_HOME'] ?? '', 'sallyport', 'tls-cert.pem');
    const launching = (name: Host): LaunchOptions => ({ wrap: lab.host(name).wrap });
    return {
      lab,
      server,
      command: (name) => ({
        serverUrl: server.url,
        enter: lab.host(name).enter,
        env: {
          NODE_EXTRA_CA_CERTS: certificate,
          XDG_STATE_HOME: join(bench.env['XDG_STATE_HOME'] ?? '', name),
        },
      }),
      launching,
      browser: (name) => launchChromium(launching(name)),
      address,
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        await lab.close();
      },
    };
  } catch (error) {
    await lab.close();
    throw error;
  }
}

/** Linux begins a TCP connection with what the last one to the same address came to: a flow alone is to be like the first. */
async function forgetPastFlows(host: LabHost): Promise<void> {
  const { status, stderr } = await host.run('sysctl', ['-qw', 'net.ipv4.tcp_no_metrics_save=1']);
  if (status !== 0) throw new Error(`sysctl refused: ${stderr}`);
}
