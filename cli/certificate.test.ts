import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ownCertificate, readCertificate } from './certificate.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-certificate-'));
  vi.stubEnv('XDG_STATE_HOME', folder);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

describe('a certificate of one’s own', () => {
  const pair = () => generate([{ name: 'commonName', value: 'x' }], { keyType: 'ec' });

  test('is read with its key', async () => {
    const { cert, private: key, fingerprint } = await pair();
    const read = await readCertificate(await file('cert', cert), await file('key', key));
    expect(read).toMatchObject({ cert, key, fingerprint: new X509Certificate(cert).fingerprint256 });
    expect(fingerprint).toBeTruthy();
  });

  test('is refused with another key, before OpenSSL puts it in its own words', async () => {
    const [cert, key] = [await file('cert', (await pair()).cert), await file('key', (await pair()).private)];
    await expect(readCertificate(cert, key)).rejects.toMatchObject({
      code: 'usage',
      message: `the key in ${key} does not belong to ${cert}`,
    });
  });

  test('is refused where a file is something else, or not there', async () => {
    const { cert, private: key } = await pair();
    const [certPath, keyPath] = [await file('cert', cert), await file('key', key)];
    const junk = await file('junk', 'junk');
    const no = (path: string) => readCertificate(path, keyPath);
    await expect(no(junk)).rejects.toMatchObject({ message: `no certificate in PEM in ${junk}` });
    await expect(no(keyPath)).rejects.toMatchObject({ message: `no certificate in PEM in ${keyPath}` });
    await expect(readCertificate(certPath, junk)).rejects.toMatchObject({
      message: `no private key in PEM in ${junk}`,
    });
    await expect(no(join(folder, 'none'))).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/^cannot read .*none: ENOENT/),
    });
  });
});

describe('a certificate of its own making', () => {
  test('is kept, its key for this user alone, and names this machine', async () => {
    const made = await ownCertificate();
    expect(await ownCertificate()).toEqual(made);
    const { mode } = await stat(join(folder, 'sallyport', 'tls-key.pem'));
    expect(mode & 0o777).toBe(0o600);
    const certificate = new X509Certificate(made.cert);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
  });

  test('is made anew where what was kept is none', async () => {
    const made = await ownCertificate();
    await writeFile(join(folder, 'sallyport', 'tls-cert.pem'), 'junk');
    const again = await ownCertificate();
    expect(again.fingerprint).not.toBe(made.fingerprint);
    expect(new X509Certificate(again.cert).fingerprint256).toBe(again.fingerprint);
  });

  test('says where it cannot be kept', async () => {
    vi.stubEnv('XDG_STATE_HOME', await file('state', ''));
    await expect(ownCertificate()).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/^cannot keep a certificate in .*state.sallyport: ENOTDIR/),
    });
  });
});
