export interface ReadItem {
  readonly name: string;
  readonly sizeBytes: number;
  readonly crc: number;
  readonly headerAt: number;
  readonly mode: number;
  readonly modifiedSeconds: number;
  readonly dosDateTime: number;
  readonly version: number;
}

/** Reads little-endian fields at a position. `read(at, n)` gives n bytes of the archive. */
type Read = (at: number, lengthBytes: number) => Uint8Array<ArrayBuffer>;

/**
 * A second reading of the format, for tests: walks from the end of central directory to every local header,
 * and throws unless both say the same.
 */
export function readZip(read: Read, archiveBytes: number): ReadItem[] {
  const { items, centralAt, centralBytes } = readEnd(read, archiveBytes);
  const found: ReadItem[] = [];
  let at = centralAt;
  for (let index = 0; index < items; index += 1) {
    const fixed = view(read(at, 46));
    must(fixed.getUint32(0, true), 0x02014b50);
    const nameBytes = fixed.getUint16(28, true);
    const extraBytes = fixed.getUint16(30, true);
    const name = text(read(at + 46, nameBytes));
    const fields = readExtra(view(read(at + 46 + nameBytes, extraBytes)));
    const wide = fields.zip64 ?? [];
    const take = (value: number): number => (value === 0xffffffff ? Number(wide.shift()) : value);
    const sizeBytes = take(fixed.getUint32(24, true));
    must(take(fixed.getUint32(20, true)), sizeBytes);
    const headerAt = take(fixed.getUint32(42, true));
    const item: ReadItem = {
      name,
      sizeBytes,
      headerAt,
      crc: fixed.getUint32(16, true),
      mode: fixed.getUint32(38, true) >>> 16,
      modifiedSeconds: fields.modifiedSeconds,
      dosDateTime: fixed.getUint32(12, true),
      version: fixed.getUint16(6, true),
    };
    expectLocalHeader(read, item);
    found.push(item);
    at += 46 + nameBytes + extraBytes;
  }
  must(at, centralAt + centralBytes);
  return found;
}

/** Where an item's stored bytes begin. */
export function dataAt(read: Read, item: ReadItem): number {
  const fixed = view(read(item.headerAt, 30));
  return item.headerAt + 30 + fixed.getUint16(26, true) + fixed.getUint16(28, true);
}

function readEnd(read: Read, archiveBytes: number) {
  const end = view(read(archiveBytes - 22, 22));
  must(end.getUint32(0, true), 0x06054b50);
  const short = {
    items: end.getUint16(10, true),
    centralBytes: end.getUint32(12, true),
    centralAt: end.getUint32(16, true),
  };
  if (short.items < 0xffff && short.centralAt < 0xffffffff) return short;
  const locator = view(read(archiveBytes - 42, 20));
  must(locator.getUint32(0, true), 0x07064b50);
  const wide = view(read(Number(locator.getBigUint64(8, true)), 56));
  must(wide.getUint32(0, true), 0x06064b50);
  must(wide.getBigUint64(4, true), 44n);
  return {
    items: Number(wide.getBigUint64(32, true)),
    centralBytes: Number(wide.getBigUint64(40, true)),
    centralAt: Number(wide.getBigUint64(48, true)),
  };
}

function expectLocalHeader(read: Read, item: ReadItem): void {
  const fixed = view(read(item.headerAt, 30));
  must(fixed.getUint32(0, true), 0x04034b50);
  const nameBytes = fixed.getUint16(26, true);
  must(text(read(item.headerAt + 30, nameBytes)), item.name);
  const fields = readExtra(view(read(item.headerAt + 30 + nameBytes, fixed.getUint16(28, true))));
  const large = item.sizeBytes >= 0xffffffff;
  must(fixed.getUint32(14, true), item.crc);
  must(fixed.getUint32(18, true), large ? 0xffffffff : item.sizeBytes);
  must(fixed.getUint32(22, true), large ? 0xffffffff : item.sizeBytes);
  must(fields.zip64?.join(), large ? `${item.sizeBytes},${item.sizeBytes}` : undefined);
  must(fields.modifiedSeconds, item.modifiedSeconds);
}

function readExtra(extra: DataView): { zip64?: bigint[]; modifiedSeconds: number } {
  let zip64: bigint[] | undefined;
  let modifiedSeconds = Number.NaN;
  let at = 0;
  while (at < extra.byteLength) {
    const lengthBytes = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === 0x5455) modifiedSeconds = extra.getInt32(at + 5, true);
    if (extra.getUint16(at, true) === 0x0001) {
      zip64 = [];
      for (let value = 0; value < lengthBytes; value += 8)
        zip64.push(extra.getBigUint64(at + 4 + value, true));
    }
    at += 4 + lengthBytes;
  }
  return { ...(zip64 === undefined ? {} : { zip64 }), modifiedSeconds };
}

function view(bytes: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** Many times faster than an assertion library, for archives of many entries. */
function must<T>(actual: T, expected: T): void {
  if (actual !== expected) throw new Error(`archive is malformed: ${actual} where ${expected} was due`);
}
