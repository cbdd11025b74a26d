import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base64urlnopad } from '@scure/base';
import { formatCode, parseCode } from '#protocol/handshake/code.ts';
import { parseLink } from '#protocol/handshake/link.ts';
import { stateFolder } from './state-folder.ts';

/** Whoever has not come back by then needs the link. */
const EXPIRY_MS = 7 * 24 * 3600 * 1000;

/**
 * The link that a code led to, kept in the state folder as long as its delivery is unfinished: a code serves once, and the
 * same command is to go on.
 */
export class UsedCode {
  readonly link: string | null;
  readonly #path: string;

  private constructor(path: string, link: string | null) {
    this.#path = path;
    this.link = link;
  }

  /** @throws TransferError `code-malformed` */
  static async find(serverUrl: string, text: string): Promise<UsedCode> {
    const code = formatCode(parseCode(text));
    const hash = createHash('sha256').update(JSON.stringify([serverUrl, code]));
    const path = join(codesFolder(), base64urlnopad.encode(hash.digest().subarray(0, 16)));
    await removeExpired();
    return new UsedCode(path, await readLink(path));
  }

  /** Whoever cannot keep it is told the link when the command ends. */
  async keep(link: string): Promise<void> {
    try {
      await mkdir(codesFolder(), { recursive: true, mode: 0o700 });
      await writeFile(`${this.#path}.new`, link, { mode: 0o600 });
      await rename(`${this.#path}.new`, this.#path);
    } catch {
      await this.forget();
    }
  }

  /** The delivery has come to its end. */
  async forget(): Promise<void> {
    await rm(this.#path, { force: true }).catch(() => {});
  }
}

function codesFolder(): string {
  return join(stateFolder(), 'codes');
}

async function readLink(path: string): Promise<string | null> {
  try {
    const link = await readFile(path, 'utf8');
    parseLink(link);
    return link;
  } catch {
    return null;
  }
}

async function removeExpired(): Promise<void> {
  for (const name of await readdir(codesFolder()).catch(() => [])) {
    const path = join(codesFolder(), name);
    const stats = await stat(path).catch(() => null);
    if (stats && Date.now() - stats.mtimeMs > EXPIRY_MS) await rm(path, { force: true }).catch(() => {});
  }
}
