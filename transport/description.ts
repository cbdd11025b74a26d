import { ProtocolViolation } from '#protocol/errors.ts';

const FINGERPRINT = /^a=fingerprint:([^\s]+) ([0-9A-Fa-f:]+)\r?$/gm;

/**
 * The certificate fingerprint that a description names: SHA-256, 32 bytes.
 * @throws ProtocolViolation unless it names exactly one certificate, by SHA-256
 * @see RFC 8122 section 5
 */
export function fingerprintOf(sdp: string): Uint8Array {
  const values = new Set(
    Array.from(sdp.matchAll(FINGERPRINT), ([, algorithm = '', value = '']) =>
      `${algorithm} ${value}`.toLowerCase(),
    ),
  );
  const [value = ''] = values;
  const match = /^sha-256 ((?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/.exec(value);
  if (values.size !== 1 || !match?.[1])
    throw new ProtocolViolation('description without exactly one SHA-256 fingerprint');
  return Uint8Array.from(match[1].split(':'), (octet) => Number.parseInt(octet, 16));
}

/**
 * Refuses a peer's description of anything but one data channel transport: a browser would set up every audio and video
 * section of an offer unasked, down to its decoders.
 * @throws ProtocolViolation
 */
export function requireDataOnly(sdp: string): void {
  const sections = Array.from(sdp.matchAll(/^m=(.*?)\r?$/gm), ([, section = '']) => section);
  const isData = /^application \d+ UDP\/DTLS\/SCTP webrtc-datachannel$/.test(sections[0] ?? '');
  if (sections.length !== 1 || !isData)
    throw new ProtocolViolation('description of more than a data channel');
}

/** A description without the candidates gathered so far: each of them is trickled, and libjuice takes 30 in all. */
export function withoutCandidates(sdp: string): string {
  return sdp.replace(/^a=(?:candidate:.*|end-of-candidates)\r?\n/gm, '');
}
