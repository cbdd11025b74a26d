import type { EntryId } from '#protocol/entry.ts';
import { TransferError, type TransferErrorCode } from '#protocol/errors.ts';
import { createContainer } from './choose-container.ts';
import type { Container, RandomAccessFile } from './container.ts';
import type { OpfsAnswer, OpfsCall } from './opfs-calls.ts';
import { bodyOf } from './transfer-place.ts';

/** Writes one transfer's container. Synchronous access handles exist in dedicated workers alone. */
class OpfsFile implements RandomAccessFile {
  readonly #handle: FileSystemSyncAccessHandle;

  constructor(handle: FileSystemSyncAccessHandle) {
    this.#handle = handle;
  }

  read(into: Uint8Array<ArrayBuffer>, at: number): void {
    const bytes = this.#handle.read(into, { at });
    if (bytes !== into.length)
      throw new TransferError('sink-failed', `read ${bytes} of ${into.length} bytes`);
  }

  write(bytes: Uint8Array<ArrayBuffer>, at: number): void {
    // A refusal shows as a number of bytes as well: there, -8 made unsigned.
    const written = this.#handle.write(bytes, { at });
    if (written !== bytes.length) throw new TransferError('disk-full', `wrote ${written} of ${bytes.length}`);
  }

  truncate(lengthBytes: number): void {
    this.#handle.truncate(lengthBytes);
    // Chromium's private windows, where this file lies in memory, refuse in silence.
    if (this.#handle.getSize() !== lengthBytes)
      throw new TransferError('disk-full', `no ${lengthBytes} bytes`);
  }

  close(): void {
    this.#handle.flush();
    this.#handle.close();
  }
}

let file: OpfsFile | null = null;
let container: Container | null = null;

async function answer(call: OpfsCall): Promise<readonly EntryId[]> {
  if (call.type === 'open') {
    file = new OpfsFile(await (await bodyOf(call.transferId)).createSyncAccessHandle());
    container = createContainer(file, call.items);
    return [];
  }
  if (call.type === 'close') {
    file?.close();
    file = null;
    return [];
  }
  if (container === null) throw new TransferError('internal', `${call.type} before open`);
  switch (call.type) {
    case 'write':
      container.write(call.entry, call.offset, call.bytes);
      return [];
    case 'commit':
      container.commit(call.entry);
      return [];
    case 'discard':
      container.discard(call.entry);
      return [];
    case 'finish': {
      // Closing gaps moves what follows: whether or not it went well, a second time would move it again.
      const finishing = container;
      container = null;
      const held = finishing.finish();
      file?.close();
      file = null;
      return held;
    }
  }
}

function codeOf(error: unknown): TransferErrorCode {
  if (error instanceof TransferError) return error.code;
  return error instanceof DOMException && error.name === 'QuotaExceededError' ? 'disk-full' : 'sink-failed';
}

// One after another: opening takes its time, and a write may already wait behind it.
let last: Promise<unknown> = Promise.resolve();
self.onmessage = ({ data }: MessageEvent<OpfsCall>) => {
  last = last
    .then(() => answer(data))
    .then(
      (held): OpfsAnswer => ({ ok: true, held }),
      (error: unknown): OpfsAnswer => ({ ok: false, code: codeOf(error), detail: String(error) }),
    )
    .then((reply) => self.postMessage(reply));
};
