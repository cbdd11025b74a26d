import { join } from 'node:path';
import { type Lab, type LabHost, openLab } from '#natlab/lab.ts';
import { type Server, startServer } from '../e2e/harness/server.ts';
import type { Bench } from './bench.ts';
import { type Browser, type LaunchOptions, launchChromium } from './chromium.ts';
import type { CommandOptions } from './peers/parties.ts';

/**
 * alice, who sends, and bob, who receives, 50 ms and 200 Mbit/s apart; the server is with alice. All that bob does
 * crosses the link, all that bob is sent as well.
 */
export interface LongLink extends AsyncDisposable {
  readonly lab: Lab;
  readonly server: Server;
  command(host: Host): CommandOptions;
  /** What starts a browser on that host. */
  launching(host: Host): LaunchOptions;
  /** One with a profile. Whoever launches it disposes of it. */
  browser(host: Host): Promise<Browser>;
  address(host: Host): string;
}

export type Host = 'alice' | 'bob';

export const ROUND_TRIP_MS = 50;
export const RATE_MBIT = 200;

/** Its queue is what natlab gives unless said: one product of rate and round trip. */
export async function openLongLink(bench: Bench, lossPercent = 0): Promise<LongLink> {
  const link = { delayMs: ROUND_TRIP_MS / 2, rateMbit: RATE_MBIT, lossPercent };
  const lab = await openLab({ hosts: { alice: {}, bob: { link } } });
  try {
    await forgetPastFlows(lab.host('alice'));
    const host = lab.host('server');
    const address = host.ipv4[0] ?? '';
    const args = ['--host', address, '--port', '443', '--stun-port', '3478', '--tls', 'auto'];
    const server = await startServer(args, { enter: host.enter, env: bench.env });
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
      address: (name) => lab.host(name).ipv4[0] ?? '',
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
