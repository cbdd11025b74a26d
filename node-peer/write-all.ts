import type { FileHandle } from 'node:fs/promises';

/** Writes all of `bytes` at `offset`: a disk may take less at a time. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
  }
}
