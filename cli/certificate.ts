import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { diskError } from '#node-peer/disk-error.ts';
import { TransferError } from '#protocol/errors.ts';
import { stateFolder } from './state-folder.ts';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** SHA-256, as browsers show it. */
  readonly fingerprint: string;
}

const DAY_MS = 24 * 3600 * 1000;

/** Reads a certificate and its key. @throws TransferError `usage` */
export async function readCertificate(certPath: string, keyPath: string): Promise<Certificate> {
  const cert = await readPem(certPath, 'certificate', (pem) => new X509Certificate(pem));
  const key = await readPem(keyPath, 'private key', createPrivateKey);
  if (!cert.parsed.checkPrivateKey(key.parsed))
    throw new TransferError('usage', `the key in ${keyPath} does not belong to ${certPath}`);
  return { cert: cert.pem, key: key.pem, fingerprint: cert.parsed.fingerprint256 };
}

async function readPem<T>(
  path: string,
  what: string,
  parse: (pem: string) => T,
): Promise<{ pem: string; parsed: T }> {
  const pem = await readFile(path, 'utf8').catch((cause) => {
    throw diskUsage('cannot read', path, cause);
  });
  try {
    return { pem, parsed: parse(pem) };
  } catch (cause) {
    throw new TransferError('usage', `no ${what} in PEM in ${path}`, { cause });
  }
}

/**
 * A self-signed certificate for this machine's names and addresses, made at the first call and kept, so that whoever
 * has trusted it once need not again. It is made anew when it is about to expire or the machine's addresses changed.
 */
export async function ownCertificate(): Promise<Certificate> {
  const folder = stateFolder();
  const [certPath, keyPath] = [join(folder, 'tls-cert.pem'), join(folder, 'tls-key.pem')];
  const { names, addresses } = ownNames();
  try {
    const kept = await readCertificate(certPath, keyPath);
    const certificate = new X509Certificate(kept.cert);
    const isFresh = Date.parse(certificate.validTo) - Date.now() > 30 * DAY_MS;
    if (isFresh && addresses.every((address) => certificate.checkIP(address))) return kept;
  } catch {
    // None yet, or not a certificate: make one.
  }
  const made = await generate([{ name: 'commonName', value: 'Sallyport' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + 365 * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          ...addresses.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(keyPath, made.private, { mode: 0o600 });
    await writeFile(certPath, made.cert);
  } catch (cause) {
    throw diskUsage('cannot keep a certificate in', folder, cause);
  }
  return readCertificate(certPath, keyPath);
}

function diskUsage(what: string, path: string, cause: unknown): TransferError {
  return new TransferError('usage', `${what} ${diskError(cause, path, 'usage').message}`, { cause });
}

function ownNames(): { names: string[]; addresses: string[] } {
  const found = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  // A link-local address holds only together with an interface, which a certificate cannot name.
  const addresses = found.map(({ address }) => address).filter((address) => !/^fe80:/i.test(address));
  return {
    names: [...new Set(['localhost', hostname()])],
    addresses: [...new Set(['127.0.0.1', '::1', ...addresses])],
  };
}
