import type { SenderMessage } from './control-message.ts';
import type { Entry } from './entry.ts';
import { ProtocolViolation, TransferError } from './errors.ts';
import { MAX_ENTRIES, MAX_FILE_BYTES, MAX_MANIFEST_BYTES, MAX_PAGES_ASKED, PAGES_UNASKED } from './limits.ts';
import { PathTree } from './path.ts';

/** Entries of one page: well below MAX_CONTROL_BYTES, well above the largest single entry (MAX_PATH_BYTES, all escaped). */
const PAGE_BYTES = 32 * 1024;

const utf8 = new TextEncoder();

type Header = Extract<SenderMessage, { type: 'manifest' }>;
type Page = Extract<SenderMessage, { type: 'page' }>;

/** What a sender offers, cut into pages that each fit one control message. */
export class Manifest {
  readonly entries: readonly Entry[];
  readonly header: Header;
  /** Index of each page's first entry, and the end. */
  readonly #pageStarts: number[] = [0];

  /** @throws TransferError `nothing-to-send`, `manifest-too-large`, `unsafe-path` */
  constructor(entries: readonly Entry[]) {
    if (entries.length === 0) throw new TransferError('nothing-to-send');
    if (entries.length > MAX_ENTRIES)
      throw new TransferError('manifest-too-large', `${entries.length} entries`);
    this.entries = entries;
    const tree = new PathTree();
    let pageBytes = 0;
    let manifestBytes = 0;
    entries.forEach((entry, id) => {
      admit(tree, entry);
      const bytes = encodedBytes(entry);
      if (pageBytes > 0 && pageBytes + bytes > PAGE_BYTES) {
        this.#pageStarts.push(id);
        pageBytes = 0;
      }
      pageBytes += bytes;
      manifestBytes += bytes;
    });
    this.#pageStarts.push(entries.length);
    const totalBytes = sumSizes(entries);
    if (manifestBytes > MAX_MANIFEST_BYTES || totalBytes > MAX_FILE_BYTES)
      throw new TransferError('manifest-too-large');
    this.header = {
      type: 'manifest',
      entries: entries.length,
      pages: this.#pageStarts.length - 1,
      totalBytes,
    };
  }

  /** What is said of it unasked: its announcement, and its first pages. */
  beginning(): SenderMessage[] {
    const count = Math.min(PAGES_UNASKED, this.header.pages);
    return [this.header, ...Array.from({ length: count }, (_, page) => this.page(page))];
  }

  /** @throws ProtocolViolation for a page that does not exist */
  page(page: number): Page {
    const start = this.#pageStarts[page];
    const end = this.#pageStarts[page + 1];
    if (start === undefined || end === undefined)
      throw new ProtocolViolation('page past the end of the manifest');
    return { type: 'page', page, entries: this.entries.slice(start, end) as Page['entries'] };
  }
}

/** A sender's own paths are refused with an error for people, not as a peer's violation. */
function admit(tree: PathTree, entry: Entry): void {
  try {
    tree.add(entry);
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    throw new TransferError('unsafe-path', `${entry.path}: ${error.message}`);
  }
}

/** The receiver's side: asks for the pages that do not come by themselves, a few at a time, and checks them until the manifest is whole. */
export class ManifestAssembly {
  readonly #header: Header;
  readonly #entries: Entry[] = [];
  readonly #tree = new PathTree();
  #pages = 0;
  /** Those that come unasked among them. */
  #asked: number;
  #bytes = 0;

  constructor(header: Header) {
    this.#header = header;
    this.#asked = Math.min(PAGES_UNASKED, header.pages);
  }

  /** The whole manifest, or null while pages are missing. */
  get entries(): readonly Entry[] | null {
    return this.#pages === this.#header.pages ? this.#entries : null;
  }

  /** The next pages to ask for, or null while enough are on their way. */
  ask(): { type: 'pages'; first: number; count: number } | null {
    const count = Math.min(MAX_PAGES_ASKED, this.#header.pages - this.#asked);
    if (count === 0 || this.#asked - this.#pages > MAX_PAGES_ASKED / 2) return null;
    const first = this.#asked;
    this.#asked += count;
    return { type: 'pages', first, count };
  }

  /** @throws ProtocolViolation for a page out of turn, a path that is refused, or totals that do not add up */
  add(page: Page): void {
    if (page.page !== this.#pages || page.page >= this.#asked)
      throw new ProtocolViolation('manifest page out of turn');
    if (this.#entries.length + page.entries.length > this.#header.entries) {
      throw new ProtocolViolation('more entries than the manifest announced');
    }
    for (const entry of page.entries) {
      this.#tree.add(entry);
      this.#entries.push(entry);
      this.#bytes += encodedBytes(entry);
    }
    if (this.#bytes > MAX_MANIFEST_BYTES) throw new ProtocolViolation('manifest too large');
    const isLast = page.page + 1 === this.#header.pages;
    if (isLast && !this.#addsUp()) throw new ProtocolViolation('manifest does not add up');
    this.#pages += 1;
  }

  #addsUp(): boolean {
    return (
      this.#entries.length === this.#header.entries && sumSizes(this.#entries) === this.#header.totalBytes
    );
  }
}

/** What an entry adds to its page and to MAX_MANIFEST_BYTES: its JSON, and a comma. Both sides count the same. */
function encodedBytes(entry: Entry): number {
  return utf8.encode(JSON.stringify(entry)).length + 1;
}

/** Bytes of all files among the entries. */
export function sumSizes(entries: Iterable<Entry>): number {
  let total = 0;
  for (const entry of entries) if (entry.kind === 'file') total += entry.sizeBytes;
  return total;
}
