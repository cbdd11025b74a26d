import type { Download } from '../sinks/page-sink.ts';
import { crc32 } from './crc32.ts';
import { dataAt, readZip } from './zip-reader.testing.ts';

/** By path what a download holds; folders as null. */
export async function contents(
  download: Download | null | undefined,
): Promise<Map<string, Uint8Array | null>> {
  if (download == null) return new Map();
  const bytes = new Uint8Array(await download.content.arrayBuffer());
  if (download.content.type !== 'application/zip') return new Map([[download.fileName, bytes]]);
  const read = (at: number, lengthBytes: number) => bytes.slice(at, at + lengthBytes);
  const held = new Map<string, Uint8Array | null>();
  for (const item of readZip(read, bytes.length)) {
    if (item.name.endsWith('/')) {
      held.set(item.name.slice(0, -1), null);
      continue;
    }
    const data = read(dataAt(read, item), item.sizeBytes);
    if (crc32(data) !== item.crc) throw new Error(`the CRC of ${item.name} is wrong`);
    held.set(item.name, data);
  }
  return held;
}
