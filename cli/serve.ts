import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TransferError } from '#protocol/errors.ts';
import { startSignaling } from '#signaling/server.ts';
import { startStunServer } from '#stun-server/server.ts';
import { type Certificate, ownCertificate, readCertificate } from './certificate.ts';
import type { Output } from './events.ts';
import { EXIT } from './failure.ts';

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly stunPort: number;
  readonly tls?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly trustProxy?: readonly string[];
}

/** The built page lies beside the built command; run from its source, the command serves the last build. */
const CLIENT_DIR = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../dist/client' : '../client', import.meta.url),
);

/** `sallyport serve`: page, signaling and STUN from one process, until interrupted. */
export async function serve(options: ServeOptions, output: Output, signal: AbortSignal): Promise<number> {
  const { host, port, stunPort } = options;
  const certificate = await chooseCertificate(options);
  const stun = await listen(options, '--stun-port', stunPort, () =>
    startStunServer({ host, port: stunPort }),
  );
  try {
    const signaling = await listen(options, '--port', port, () =>
      startSignaling({
        host,
        port,
        stun: { port: stun.port },
        ...(existsSync(CLIENT_DIR) && { clientDir: CLIENT_DIR }),
        ...(certificate && { tls: { cert: certificate.cert, key: certificate.key } }),
        ...(options.trustProxy && { trustedProxies: options.trustProxy }),
      }),
    );
    const { url } = signaling;
    const stunAddress = stun.address();
    const fingerprint = options.tls === 'auto' && certificate ? { fingerprint: certificate.fingerprint } : {};
    output.say({ event: 'listening', url, stun: stunAddress, ...fingerprint });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve());
    });
    await signaling.close();
    return EXIT.ok;
  } finally {
    await stun.close();
  }
}

async function chooseCertificate({ tls, tlsCert, tlsKey }: ServeOptions): Promise<Certificate | null> {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new TransferError('usage', '--tls-cert and --tls-key go together');
  }
  if (tlsCert !== undefined && tlsKey !== undefined) {
    if (tls !== undefined) throw new TransferError('usage', 'either --tls auto or a certificate of your own');
    return readCertificate(tlsCert, tlsKey);
  }
  if (tls === undefined) return null;
  if (tls !== 'auto') throw new TransferError('usage', '--tls takes one word: auto');
  return ownCertificate();
}

async function listen<T>(
  { host }: ServeOptions,
  option: string,
  port: number,
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (cause) {
    throw new TransferError('usage', refusal(cause as NodeJS.ErrnoException, host, option, port), { cause });
  }
}

function refusal(error: NodeJS.ErrnoException, host: string, option: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} is taken: choose another with ${option}, or 0 for any free one`;
    case 'EACCES':
      return `port ${port} may not be opened by this user: choose one above 1023 with ${option}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host ${host} is no address of this machine: name one with --host, or leave it out for all`;
    default:
      return error.message;
  }
}
