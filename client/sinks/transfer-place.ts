import { TransferError } from '#protocol/errors.ts';
import { EXPORT_GRACE_MS, HELD_MS, MAX_JOURNAL_BYTES, PLACE_PATIENCE_MS } from '../limits.ts';
import { OPEN_ELSEWHERE } from './open-elsewhere.ts';

/** The folder in the origin's private file system that holds one folder for each delivery. */
const ROOT_NAME = 'sallyport';
/** The container that a delivery fills. */
const BODY_NAME = 'body';
/** Lies beside the container until it is handed over: what of it is written. */
const JOURNAL_NAME = 'journal';
/** Begins the name of an empty file beside the container, which says whose delivery it is. */
const DELIVERY_PREFIX = 'delivery.';
/** Lies beside the container once it was handed to the browser's downloads. */
const EXPORTED_NAME = 'exported';

/**
 * A delivery's own folder in the origin private file system, named after its share, so that a page that is opened again
 * finds it. Two Web Locks go with it, which the browser releases when the page goes, however it goes: one of the
 * place, without which it may be removed, and one of the share, until the delivery is handed over: a share is gathered once at a time.
 */
export class TransferPlace {
  readonly id: string;
  readonly #unlockPlace: () => void;
  readonly #unlockShare: () => void;

  private constructor(id: string, unlockPlace: () => void, unlockShare: () => void) {
    this.id = id;
    this.#unlockPlace = unlockPlace;
    this.#unlockShare = unlockShare;
  }

  /**
   * Takes the place of the share's unfinished delivery, or a new one.
   * @throws TransferError `sink-failed` where another tab has it
   * @throws DOMException where the browser gives this page no file system
   */
  static async take(shareId: string): Promise<TransferPlace> {
    const folder = await root();
    const unlockShare = await lock(`share/${shareId}`);
    try {
      const id = (await unfinishedPlace(shareId)) ?? `${shareId}.${crypto.randomUUID()}`;
      const unlockPlace = await lock(id);
      await folder.getDirectoryHandle(id, { create: true });
      return new TransferPlace(id, unlockPlace, unlockShare);
    } catch (error) {
      unlockShare();
      throw error;
    }
  }

  /** Notes whose delivery this is from now on. */
  async assign(deliveryId: string): Promise<void> {
    const folder = await this.#folder();
    const name = `${DELIVERY_PREFIX}${deliveryId}`;
    await folder.getFileHandle(name, { create: true });
    for (const other of await namesIn(folder))
      if (other.startsWith(DELIVERY_PREFIX) && other !== name) await folder.removeEntry(other);
  }

  /** As an earlier run left it; empty where none did. */
  async journal(): Promise<Uint8Array<ArrayBuffer>> {
    return (await journalIn(await this.#folder())) ?? new Uint8Array();
  }

  /** The container as it stands, for reading. It stays on disk: nothing is loaded. */
  async body(): Promise<File> {
    const body = await (await this.#folder()).getFileHandle(BODY_NAME);
    return body.getFile();
  }

  /** To be called before the container is handed to the browser's downloads: from then on nobody goes on with it. */
  async markExported(): Promise<void> {
    const folder = await this.#folder();
    try {
      await folder.getFileHandle(EXPORTED_NAME, { create: true });
    } finally {
      await folder.removeEntry(JOURNAL_NAME).catch(() => undefined);
      this.#unlockShare();
    }
  }

  /** Lets go of the place; what it holds stays for another run. */
  leave(): void {
    this.#unlockShare();
    this.#unlockPlace();
  }

  /** Removes the folder with all it holds. */
  async remove(): Promise<void> {
    try {
      await (await root()).removeEntry(this.id, { recursive: true });
    } finally {
      this.leave();
    }
  }

  async #folder(): Promise<FileSystemDirectoryHandle> {
    return (await root()).getDirectoryHandle(this.id, { create: true });
  }
}

/** Whether the browser gives this page a file system of its own. */
export async function hasPrivateFiles(): Promise<boolean> {
  return root().then(
    () => true,
    () => false,
  );
}

/** A place's files, for the worker that fills them. */
export async function filesOf(
  placeId: string,
): Promise<{ readonly body: FileSystemFileHandle; readonly journal: FileSystemFileHandle }> {
  const folder = await (await root()).getDirectoryHandle(placeId);
  return {
    body: await folder.getFileHandle(BODY_NAME, { create: true }),
    journal: await folder.getFileHandle(JOURNAL_NAME, { create: true }),
  };
}

/** The journal of the share's unfinished delivery, whoever has it open; null where there is none. */
export async function findJournal(shareId: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const id = await unfinishedPlace(shareId);
  return id === null ? null : journalIn(await (await root()).getDirectoryHandle(id));
}

/** Whose delivery the share's unfinished one is; null where there is none, or another tab gathers it. */
export async function findDeliveryId(shareId: string): Promise<string | null> {
  const id = await unfinishedPlace(shareId);
  if (id === null || !(await isFree(`share/${shareId}`))) return null;
  const names = await namesIn(await (await root()).getDirectoryHandle(id));
  const marker = names.find((name) => name.startsWith(DELIVERY_PREFIX));
  return marker?.slice(DELIVERY_PREFIX.length) ?? null;
}

/**
 * Removes what earlier pages left behind and nobody will go on with; what cannot be removed now, a later page tries again.
 * @param heldMs how long an interrupted delivery is kept
 */
export async function removeLeftovers(nowMs: number, heldMs: number = HELD_MS): Promise<void> {
  const folder = await root();
  for (const id of await namesIn(folder)) {
    const removed = navigator.locks.request(lockName(id), { ifAvailable: true }, async (held) => {
      if (held === null || (await isOfUse(await folder.getDirectoryHandle(id), nowMs, heldMs))) return;
      await folder.removeEntry(id, { recursive: true });
    });
    await removed.catch(() => undefined);
  }
}

/** The browser may read an exported file long after the page that exported it is gone. */
async function isOfUse(folder: FileSystemDirectoryHandle, nowMs: number, heldMs: number): Promise<boolean> {
  const names = await namesIn(folder);
  const isExported = names.includes(EXPORTED_NAME);
  if (!isExported && !names.includes(JOURNAL_NAME)) return false;
  const mark = await (await folder.getFileHandle(isExported ? EXPORTED_NAME : JOURNAL_NAME)).getFile();
  return nowMs - mark.lastModified < (isExported ? EXPORT_GRACE_MS : heldMs);
}

async function unfinishedPlace(shareId: string): Promise<string | null> {
  const folder = await root();
  for (const id of await namesIn(folder)) {
    if (!id.startsWith(`${shareId}.`)) continue;
    const names = await namesIn(await folder.getDirectoryHandle(id));
    if (names.includes(JOURNAL_NAME) && !names.includes(EXPORTED_NAME)) return id;
  }
  return null;
}

async function journalIn(folder: FileSystemDirectoryHandle): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const journal = await (await folder.getFileHandle(JOURNAL_NAME)).getFile();
    return journal.size > MAX_JOURNAL_BYTES ? null : new Uint8Array(await journal.arrayBuffer());
  } catch {
    return null;
  }
}

async function namesIn(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  return names;
}

async function root(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT_NAME, { create: true });
}

function lockName(id: string): string {
  return `sallyport/${id}`;
}

async function isFree(id: string): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.every(({ name }) => name !== lockName(id));
}

/** Resolves, once the lock is held, to what gives it back. */
function lock(id: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(PLACE_PATIENCE_MS);
    navigator.locks
      .request(lockName(id), { signal }, () => new Promise<void>((unlock) => resolve(unlock)))
      .catch((error: unknown) =>
        reject(signal.aborted ? new TransferError('sink-failed', OPEN_ELSEWHERE) : error),
      );
  });
}
