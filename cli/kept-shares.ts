import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base64urlnopad } from '@scure/base';
import * as v from 'valibot';
import { type ClaimedFolder, claimFolder } from '#node-peer/claimed-folder.ts';
import { FolderLock } from '#node-peer/folder-lock.ts';
import { LinklessFolders } from '#node-peer/linkless-folders.ts';
import { stateFolder } from './state-folder.ts';

/** Whoever has not come back by then starts anew. */
const EXPIRY_MS = 30 * 24 * 3600 * 1000;
const SEED_BYTES = 32;
const FILE_NAME = 'share.json';

const Kept = v.object({
  serverUrl: v.string(),
  paths: v.pipe(v.array(v.string()), v.minLength(1)),
  /** base64url. */
  seed: v.pipe(v.string(), v.regex(/^[\w-]{43}$/)),
  atMs: v.number(),
});
type Kept = v.InferOutput<typeof Kept>;

/**
 * The secret of one share, kept in the state folder while it is offered, so that the same paths give the same link
 * after whatever ended the command. One process has it at a time.
 */
export class KeptShare {
  readonly seed: Uint8Array;
  readonly paths: readonly string[];
  readonly serverUrl: string;
  /** An earlier command has left it: somebody may be waiting to go on. */
  readonly isOld: boolean;
  readonly #folders: LinklessFolders;
  readonly #claimed: ClaimedFolder;

  private constructor(kept: Kept, isOld: boolean, folders: LinklessFolders, claimed: ClaimedFolder) {
    this.seed = base64urlnopad.decode(kept.seed);
    this.paths = kept.paths;
    this.serverUrl = kept.serverUrl;
    this.isOld = isOld;
    this.#folders = folders;
    this.#claimed = claimed;
  }

  /**
   * The share of these paths at this server: one that an earlier command did not end, or a new one. Null where the
   * state folder cannot be written to: then nothing is kept.
   * @param paths absolute
   */
  static async open(serverUrl: string, paths: readonly string[]): Promise<KeptShare | null> {
    try {
      await mkdir(sharesFolder(), { recursive: true, mode: 0o700 });
      const folders = new LinklessFolders();
      const parent = await folders.addRoot(sharesFolder());
      await removeExpired(folders, parent);
      const claimed = await claimFolder(folders, parent, nameOf(serverUrl, paths));
      const old = await read(claimed.folder);
      const kept = old ?? {
        serverUrl,
        paths: [...paths],
        seed: base64urlnopad.encode(randomBytes(SEED_BYTES)),
        atMs: 0,
      };
      await write(claimed.folder, { ...kept, atMs: Date.now() });
      return new KeptShare(kept, old !== null, folders, claimed);
    } catch {
      return null;
    }
  }

  /** The share is over: the next of these paths has another link. */
  async forget(): Promise<void> {
    await rm(join(this.#claimed.folder, FILE_NAME), { force: true }).catch(() => {});
    await this.#release();
    // Gone unless another command has taken it over meanwhile.
    await removeEmpty(this.#claimed.folder);
  }

  /** The share may be gone on with. */
  async keep(): Promise<void> {
    await this.#release();
  }

  async #release(): Promise<void> {
    await this.#claimed.lock.release();
    await this.#folders.close();
  }
}

/** What was offered, by commands that did not end it and run no more; the latest first. */
export async function unfinishedShares(): Promise<Pick<Kept, 'serverUrl' | 'paths'>[]> {
  const parent = await realpath(sharesFolder()).catch(() => null);
  if (parent === null) return [];
  const folders = new LinklessFolders();
  await folders.addRoot(parent);
  try {
    const found: Kept[] = [];
    for (const name of await readdir(parent)) {
      const folder = join(parent, name);
      const kept = await read(folder);
      const lock = kept && (await FolderLock.take(folders, folder).catch(() => null));
      if (!kept || !lock) continue;
      await lock.release();
      if (Date.now() - kept.atMs < EXPIRY_MS) found.push(kept);
    }
    return found.sort((a, b) => b.atMs - a.atMs);
  } finally {
    await folders.close();
  }
}

function sharesFolder(): string {
  return join(stateFolder(), 'shares');
}

function nameOf(serverUrl: string, paths: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([serverUrl, ...paths]));
  return base64urlnopad.encode(hash.digest().subarray(0, 16));
}

async function removeExpired(folders: LinklessFolders, parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const folder = join(parent, name);
    const kept = await read(folder);
    if (!kept || Date.now() - kept.atMs < EXPIRY_MS) continue;
    const lock = await FolderLock.take(folders, folder).catch(() => null);
    if (!lock) continue;
    await rm(join(folder, FILE_NAME), { force: true });
    await lock.release();
    await removeEmpty(folder);
  }
}

async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => {});
}

async function read(folder: string): Promise<Kept | null> {
  try {
    const parsed = v.safeParse(Kept, JSON.parse(await readFile(join(folder, FILE_NAME), 'utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

/** In one step: half a file would be another link. */
async function write(folder: string, kept: Kept): Promise<void> {
  const path = join(folder, `${FILE_NAME}.new`);
  await writeFile(path, JSON.stringify(kept), { mode: 0o600 });
  await rename(path, join(folder, FILE_NAME));
}
