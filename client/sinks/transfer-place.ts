import { EXPORT_GRACE_MS } from '../limits.ts';

/** The folder in the origin's private file system that holds one folder for each transfer. */
const ROOT_NAME = 'sallyport';
/** The container that a transfer fills. */
const BODY_NAME = 'body';
/** Lies beside the container once it was handed to the browser's downloads. */
const EXPORTED_NAME = 'exported';

/**
 * A transfer's own folder in the origin private file system. Its owner holds a Web Lock named after it, which the
 * browser releases when the page goes, however it goes: so whatever is not locked is a leftover.
 */
export class TransferPlace {
  readonly id: string;
  readonly #unlock: () => void;

  private constructor(id: string, unlock: () => void) {
    this.id = id;
    this.#unlock = unlock;
  }

  /** Takes a new place. @throws DOMException where the browser gives this page no file system */
  static async take(): Promise<TransferPlace> {
    const id = crypto.randomUUID();
    const place = new TransferPlace(id, await lock(id));
    try {
      await place.#folder();
    } catch (error) {
      place.#unlock();
      throw error;
    }
    return place;
  }

  /** The container as it stands, for reading. It stays on disk: nothing is loaded. */
  async body(): Promise<File> {
    const body = await (await this.#folder()).getFileHandle(BODY_NAME);
    return body.getFile();
  }

  /** To be called before the container is handed to the browser's downloads. */
  async markExported(): Promise<void> {
    await (await this.#folder()).getFileHandle(EXPORTED_NAME, { create: true });
  }

  /** Removes the folder with all it holds. */
  async release(): Promise<void> {
    try {
      await (await root()).removeEntry(this.id, { recursive: true });
    } finally {
      this.#unlock();
    }
  }

  async #folder(): Promise<FileSystemDirectoryHandle> {
    return (await root()).getDirectoryHandle(this.id, { create: true });
  }
}

/** A transfer's container, for the worker that fills it. */
export async function bodyOf(id: string): Promise<FileSystemFileHandle> {
  return (await (await root()).getDirectoryHandle(id)).getFileHandle(BODY_NAME, { create: true });
}

/** Removes what earlier pages left behind and no open page owns; what cannot be removed now, a later page tries again. */
export async function removeLeftovers(nowMs: number): Promise<void> {
  const folder = await root();
  const ids: string[] = [];
  for await (const id of folder.keys()) ids.push(id);
  for (const id of ids) {
    const removed = navigator.locks.request(lockName(id), { ifAvailable: true }, async (held) => {
      if (held === null || (await mayStillBeCopied(await folder.getDirectoryHandle(id), nowMs))) return;
      await folder.removeEntry(id, { recursive: true });
    });
    await removed.catch(() => undefined);
  }
}

/** The browser may read an exported file long after the page that exported it is gone. */
async function mayStillBeCopied(folder: FileSystemDirectoryHandle, nowMs: number): Promise<boolean> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  if (!names.includes(EXPORTED_NAME)) return false;
  const exported = await (await folder.getFileHandle(EXPORTED_NAME)).getFile();
  return nowMs - exported.lastModified < EXPORT_GRACE_MS;
}

async function root(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT_NAME, { create: true });
}

function lockName(id: string): string {
  return `sallyport/${id}`;
}

/** Resolves, once the lock is held, to what gives it back. */
function lock(id: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    navigator.locks.request(lockName(id), () => new Promise<void>((unlock) => resolve(unlock))).catch(reject);
  });
}
