import type { Entry } from '#protocol/entry.ts';
import { KEPT_SHARE_MS, OFFER_LOCK_PATIENCE_MS } from '../limits.ts';

/** A share as it is kept, so that a page that was reloaded or crashed can go on with it at the same link. */
export interface KeptShare {
  readonly id: string;
  /** Secret: whoever has it can answer at the link. */
  readonly ownerSeed: Uint8Array<ArrayBuffer>;
  readonly keptMs: number;
  readonly entries: readonly Entry[];
  /** What was dropped or picked, where the browser lets a page keep hold of it; null elsewhere. */
  readonly handles: readonly FileSystemHandle[] | null;
}

const DATABASE = 'sallyport';
const STORE = 'shares';
/** Names a tab's share in its session, which a reload and a restored tab keep. */
const TAB_KEY = 'sallyport-share';
/** Names one that is over, while it is being removed: a reload may come first. */
const OVER_KEY = 'sallyport-share-over';

/**
 * The shares that pages of this origin keep. Whoever offers one, or asks whether to, holds a Web Lock of it, so that a
 * duplicated tab does not take it over.
 */
export class KeptShares {
  /** Of the share that this page keeps. */
  #unlock: (() => void) | null = null;
  #id: string | null = null;

  /** Whether a share of this page is kept. */
  get keeps(): boolean {
    return this.#id !== null;
  }

  /** This tab's share, else the last one whose tab is gone; null where there is none. Those that are too old go. */
  async recall(nowMs: number): Promise<KeptShare | null> {
    const over = sessionStorage.getItem(OVER_KEY);
    if (over !== null) await remove(over);
    sessionStorage.removeItem(OVER_KEY);
    const all = await inStore<KeptShare[]>('readonly', (store) => store.getAll());
    const [own, rest] = [sessionStorage.getItem(TAB_KEY), all.sort((a, b) => b.keptMs - a.keptMs)];
    sessionStorage.removeItem(TAB_KEY);
    for (const share of rest.sort((a, b) => Number(b.id === own) - Number(a.id === own))) {
      const unlock = await lock(share.id, share.id === own ? OFFER_LOCK_PATIENCE_MS : 0);
      if (unlock === null) continue;
      if (nowMs - share.keptMs < KEPT_SHARE_MS) {
        this.#hold(share.id, unlock);
        return share;
      }
      await remove(share.id).finally(unlock);
    }
    return null;
  }

  /** Keeps a share as this page's, in place of the one before. */
  async keep(share: Omit<KeptShare, 'id'>): Promise<void> {
    const id = this.#id ?? crypto.randomUUID();
    if (this.#id === null) {
      const unlock = await lock(id, OFFER_LOCK_PATIENCE_MS);
      if (unlock === null) return;
      this.#hold(id, unlock);
    }
    await inStore('readwrite', (store) => store.put({ ...share, id })).catch(async (error: unknown) => {
      await this.forget();
      throw error;
    });
  }

  /** Leaves the share of another run to the next page that asks. */
  letGo(): void {
    this.#unlock?.();
    this.#unlock = null;
    this.#id = null;
    sessionStorage.removeItem(TAB_KEY);
  }

  /** The share is over. */
  async forget(): Promise<void> {
    const id = this.#id;
    const unlock = this.#unlock;
    this.#unlock = null;
    this.#id = null;
    if (id === null) return;
    sessionStorage.removeItem(TAB_KEY);
    sessionStorage.setItem(OVER_KEY, id);
    await remove(id).finally(() => unlock?.());
    sessionStorage.removeItem(OVER_KEY);
  }

  #hold(id: string, unlock: () => void): void {
    this.#id = id;
    this.#unlock = unlock;
    sessionStorage.setItem(TAB_KEY, id);
  }
}

function remove(id: string): Promise<unknown> {
  return inStore('readwrite', (store) => store.delete(id));
}

async function inStore<Result>(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<Result> | IDBRequest,
): Promise<Result> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'id' });
  const database = await answered<IDBDatabase>(opening);
  try {
    const transaction = database.transaction(STORE, mode);
    const result = await answered<Result>(ask(transaction.objectStore(STORE)));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
      if (mode === 'readonly') resolve(null);
    });
    return result;
  } finally {
    database.close();
  }
}

function answered<Result>(request: IDBRequest): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result as Result);
    request.onerror = () => reject(request.error);
  });
}

/** Null where another page holds it. */
function lock(id: string, patienceMs: number): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    const options = patienceMs > 0 ? { signal: AbortSignal.timeout(patienceMs) } : { ifAvailable: true };
    navigator.locks
      .request(`sallyport/offer/${id}`, options, (held) => {
        if (held === null) return resolve(null);
        return new Promise<void>((unlock) => resolve(unlock));
      })
      .catch(() => resolve(null));
  });
}
