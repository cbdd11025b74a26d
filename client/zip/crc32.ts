/** Polynomial of ISO 3309 / ZIP, bits reflected. */
const POLYNOMIAL = 0xedb88320;

/** Bytes that one turn of the loop takes; each has a table of its own ("slicing by 8"). */
const SLICES = 8;

const TABLES = buildTables();

function buildTables(): Int32Array {
  const tables = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const previous = tables[at - 256] as number;
    tables[at] = (previous >>> 8) ^ (tables[previous & 0xff] as number);
  }
  return tables;
}

function table(at: number): number {
  return TABLES[at] as number;
}

/** CRC-32 as ZIP wants it, unsigned. */
export function crc32(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = -1;
  let at = 0;
  for (const end = bytes.length - (bytes.length % SLICES); at < end; at += SLICES) {
    const low = crc ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      table(0x700 + (low & 0xff)) ^
      table(0x600 + ((low >>> 8) & 0xff)) ^
      table(0x500 + ((low >>> 16) & 0xff)) ^
      table(0x400 + (low >>> 24)) ^
      table(0x300 + (high & 0xff)) ^
      table(0x200 + ((high >>> 8) & 0xff)) ^
      table(0x100 + ((high >>> 16) & 0xff)) ^
      table(high >>> 24);
  }
  for (; at < bytes.length; at += 1) crc = (crc >>> 8) ^ table((crc ^ view.getUint8(at)) & 0xff);
  return ~crc >>> 0;
}

/**
 * The CRC-32 of two pieces laid end to end, from the CRC-32 of each: blocks arrive in any order, an archive
 * wants one value. Appending n bytes multiplies the first CRC by x^(8n) modulo the polynomial.
 */
export function combineCrc32(first: number, second: number, secondBytes: number): number {
  return (multiply(powerOfX8(secondBytes), first) ^ second) >>> 0;
}

/** Product of two polynomials over GF(2), reduced. Bit 31 is x^0. */
function multiply(left: number, right: number): number {
  let product = 0;
  let shifted = right;
  for (let bits = left; bits !== 0; bits <<= 1) {
    if (bits < 0) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product;
}

/** x^(8n), reduced, by squaring. */
function powerOfX8(n: number): number {
  let power = 1 << 31;
  let square = 1 << 23;
  // Division, not a shift: n may exceed 32 bits.
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(square, power);
    square = multiply(square, square);
  }
  return power;
}
