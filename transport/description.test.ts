import { describe, expect, it } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { ProtocolViolation } from '#protocol/errors.ts';
import { fingerprintOf, requireDataOnly, withoutCandidates } from './description.ts';

const OCTETS = Array.from({ length: 32 }, (_, i) => (i * 7).toString(16).padStart(2, '0'));
const VALUE = OCTETS.join(':').toUpperCase();
const DATA = 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel';

const sdpOf = (...lines: string[]) =>
  ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', ...lines, ''].join('\r\n');

describe('the fingerprint of a description', () => {
  const bytes = Uint8Array.from(OCTETS, (octet) => Number.parseInt(octet, 16));

  it.each([
    ['in capitals', sdpOf(`a=fingerprint:sha-256 ${VALUE}`)],
    ['in small letters', sdpOf(`a=fingerprint:SHA-256 ${VALUE.toLowerCase()}`)],
    [
      'said twice, for session and section',
      sdpOf(`a=fingerprint:sha-256 ${VALUE}`, DATA, `a=fingerprint:sha-256 ${VALUE}`),
    ],
    ['in lines that end with LF alone', sdpOf(`a=fingerprint:sha-256 ${VALUE}`).replaceAll('\r', '')],
  ])('is read %s', (_, sdp) => {
    expect(fingerprintOf(sdp)).toEqual(bytes);
  });

  it.each([
    ['that has none', sdpOf(DATA)],
    ['by SHA-1 alone', sdpOf(`a=fingerprint:sha-1 ${OCTETS.slice(0, 20).join(':')}`)],
    [
      'by SHA-256 and another hash',
      sdpOf(`a=fingerprint:sha-256 ${VALUE}`, `a=fingerprint:sha-512 ${VALUE}:${VALUE}`),
    ],
    [
      'of two certificates',
      sdpOf(`a=fingerprint:sha-256 ${VALUE}`, `a=fingerprint:sha-256 ${VALUE.replace('00', '01')}`),
    ],
    ['that is too short', sdpOf(`a=fingerprint:sha-256 ${OCTETS.slice(1).join(':')}`)],
    ['that is too long', sdpOf(`a=fingerprint:sha-256 ${VALUE}:00`)],
    ['without colons', sdpOf(`a=fingerprint:sha-256 ${OCTETS.join('')}`)],
    ['within another line', sdpOf(`a=x-a=fingerprint:sha-256 ${VALUE}`)],
    ['of nothing', ''],
  ])('is not read from a description %s', (_, sdp) => {
    expect(() => fingerprintOf(sdp)).toThrow(ProtocolViolation);
  });
});

describe('a description of one data channel', () => {
  it('is taken', () => {
    expect(() => requireDataOnly(sdpOf(DATA))).not.toThrow();
    expect(() => requireDataOnly(sdpOf(DATA).replaceAll('\r', ''))).not.toThrow();
  });

  it.each([
    ['nothing', sdpOf()],
    ['video besides', sdpOf(DATA, 'm=video 9 UDP/TLS/RTP/SAVPF 96')],
    ['audio before', sdpOf('m=audio 9 UDP/TLS/RTP/SAVPF 111', DATA)],
    ['video only', sdpOf('m=video 9 UDP/TLS/RTP/SAVPF 96')],
    ['two transports', sdpOf(DATA, DATA)],
    ['data of another kind', sdpOf('m=application 9 UDP/DTLS/SCTP other')],
    ['no encryption', sdpOf('m=application 9 UDP/SCTP webrtc-datachannel')],
  ])('is not one of %s', (_, sdp) => {
    expect(() => requireDataOnly(sdp)).toThrow(ProtocolViolation);
  });
});

it('what Node offers is one data channel with one fingerprint, and no candidate is left in it', async () => {
  const connection = nodePlatform().createPeerConnection({ iceServers: [] });
  connection.createDataChannel('sallyport', { negotiated: true, id: 0 });
  await connection.setLocalDescription(await connection.createOffer());
  const sdp = `${connection.localDescription?.sdp}a=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n`;
  connection.close();
  const left = withoutCandidates(sdp);
  expect(left).not.toMatch(/candidate/);
  expect(fingerprintOf(left)).toEqual(fingerprintOf(sdp));
  expect(() => requireDataOnly(left)).not.toThrow();
});
