/** A frame as tcpdump wrote it. */
export interface CapturedFrame {
  /** Microseconds since 1970. */
  readonly atUs: number;
  /** What was kept of it, in memory that is the caller's to keep. */
  readonly bytes: Uint8Array;
}

const FILE_HEADER_BYTES = 24;
const FRAME_HEADER_BYTES = 16;
const MICROSECONDS_MAGIC = 0xa1b2c3d4;
const ETHERNET = 1;
/** Above every snap length that tcpdump takes: a length beyond is no length. */
const MAX_FRAME_BYTES = 262_144;

/** Cuts the stream of `tcpdump -w -` into frames. */
export class PcapReader {
  #pending: Uint8Array = new Uint8Array();
  /** Known from the file's header on. */
  #isLittleEndian: boolean | undefined;

  /**
   * @param chunk is copied
   * @throws {Error} where this is no capture of Ethernet frames; nothing after it can be read
   */
  push(chunk: Uint8Array): CapturedFrame[] {
    const bytes = new Uint8Array(this.#pending.length + chunk.length);
    bytes.set(this.#pending);
    bytes.set(chunk, this.#pending.length);
    const view = new DataView(bytes.buffer);
    const frames: CapturedFrame[] = [];
    let offset = 0;
    if (this.#isLittleEndian === undefined && bytes.length >= FILE_HEADER_BYTES) {
      this.#isLittleEndian = readFileHeader(view);
      offset = FILE_HEADER_BYTES;
    }
    while (this.#isLittleEndian !== undefined && bytes.length - offset >= FRAME_HEADER_BYTES) {
      const field = (index: number): number => view.getUint32(offset + 4 * index, this.#isLittleEndian);
      const sizeBytes = field(2);
      if (sizeBytes > MAX_FRAME_BYTES) throw new Error(`A captured frame cannot have ${sizeBytes} bytes.`);
      const start = offset + FRAME_HEADER_BYTES;
      if (bytes.length - start < sizeBytes) break;
      frames.push({ atUs: field(0) * 1e6 + field(1), bytes: bytes.slice(start, start + sizeBytes) });
      offset = start + sizeBytes;
    }
    this.#pending = bytes.slice(offset);
    return frames;
  }
}

/** @returns whether the numbers that follow are little-endian */
function readFileHeader(view: DataView): boolean {
  const isLittleEndian = view.getUint32(0, true) === MICROSECONDS_MAGIC;
  if (!isLittleEndian && view.getUint32(0) !== MICROSECONDS_MAGIC)
    throw new Error('This is no capture with microseconds.');
  if (view.getUint32(20, isLittleEndian) !== ETHERNET) throw new Error('This is no capture of Ethernet.');
  return isLittleEndian;
}
