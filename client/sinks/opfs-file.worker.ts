import { TransferError } from '#protocol/errors.ts';
import { PLACE_PATIENCE_MS, PLACE_RETRY_MS } from '../limits.ts';
import type { RandomAccessFile } from './container.ts';
import { OPEN_ELSEWHERE } from './open-elsewhere.ts';

/** A file of the private file system. Synchronous access handles exist in dedicated workers alone. */
export class OpfsFile implements RandomAccessFile {
  readonly #handle: FileSystemSyncAccessHandle;

  /** @throws TransferError `sink-failed` where another tab has it open */
  static async open(file: FileSystemFileHandle): Promise<OpfsFile> {
    for (let waitedMs = 0; ; waitedMs += PLACE_RETRY_MS) {
      try {
        return new OpfsFile(await file.createSyncAccessHandle());
      } catch (error) {
        if (!(error instanceof DOMException) || error.name !== 'NoModificationAllowedError') throw error;
        // A page that was just closed may not have let go of it yet.
        if (waitedMs >= PLACE_PATIENCE_MS) throw new TransferError('sink-failed', OPEN_ELSEWHERE);
        await new Promise((resolve) => setTimeout(resolve, PLACE_RETRY_MS));
      }
    }
  }

  private constructor(handle: FileSystemSyncAccessHandle) {
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

  flush(): void {
    this.#handle.flush();
  }

  close(): void {
    this.#handle.flush();
    this.#handle.close();
  }
}
