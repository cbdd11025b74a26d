import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from '../errors.ts';
import { laneProof } from './lane-proof.ts';
import { lv } from './lv.ts';
import { ANSWER, bytesFor, flipped, OFFER, outcomeOf, pairedRun } from './paired-run.fixture.ts';

const FINGERPRINTS = { sender: bytesFor('fpS', 32), receiver: bytesFor('fpR', 32) };

describe('a lane’s proof', () => {
  const { receiver, sender } = pairedRun();

  it('of either side is taken by the other', () => {
    expect(sender.checkLaneProof('a', FINGERPRINTS, receiver.laneProof('a', FINGERPRINTS))).toBe(true);
    expect(receiver.checkLaneProof('a', FINGERPRINTS, sender.laneProof('a', FINGERPRINTS))).toBe(true);
  });

  it('is HMAC-SHA-256 over role, lane and both fingerprints', () => {
    const key = bytesFor('kBind', 32);
    const message = lv('dc', 'S', 'a', FINGERPRINTS.sender, FINGERPRINTS.receiver);
    expect(laneProof(key, 'sender', 'a', FINGERPRINTS)).toEqual(
      Uint8Array.from(createHmac('sha256', key).update(message).digest()),
    );
  });

  it('sent back to its maker is refused', () => {
    expect(sender.checkLaneProof('a', FINGERPRINTS, sender.laneProof('a', FINGERPRINTS))).toBe(false);
  });

  it('of another lane is refused', () => {
    expect(sender.checkLaneProof('b', FINGERPRINTS, receiver.laneProof('a', FINGERPRINTS))).toBe(false);
  });

  it('of a peer with the right keys on a connection with another fingerprint is refused', () => {
    const seen = { ...FINGERPRINTS, sender: bytesFor('server in between', 32) };
    expect(sender.checkLaneProof('a', FINGERPRINTS, receiver.laneProof('a', seen))).toBe(false);
    expect(sender.checkLaneProof('a', seen, receiver.laneProof('a', FINGERPRINTS))).toBe(false);
  });

  it('with the fingerprints exchanged is refused', () => {
    const exchanged = { sender: FINGERPRINTS.receiver, receiver: FINGERPRINTS.sender };
    expect(sender.checkLaneProof('a', FINGERPRINTS, receiver.laneProof('a', exchanged))).toBe(false);
  });

  it('of another session is refused', () => {
    const other = pairedRun(undefined, 'other');
    expect(sender.checkLaneProof('a', FINGERPRINTS, other.receiver.laneProof('a', FINGERPRINTS))).toBe(false);
  });

  it('cut, lengthened, empty or with a byte changed is refused', () => {
    const proof = receiver.laneProof('a', FINGERPRINTS);
    for (const forged of [
      proof.subarray(1),
      new Uint8Array([...proof, 0]),
      new Uint8Array(0),
      flipped(proof, 31),
    ]) {
      expect(sender.checkLaneProof('a', FINGERPRINTS, forged)).toBe(false);
    }
  });

  it.each([0, 20, 31, 33])('is neither made nor checked with a fingerprint of %i bytes', (length) => {
    const unknown = { ...FINGERPRINTS, receiver: new Uint8Array(length) };
    expect(() => sender.laneProof('a', unknown)).toThrow(RangeError);
    expect(() => sender.checkLaneProof('a', unknown, new Uint8Array(32))).toThrow(RangeError);
  });
});

describe('the proof of a lane over TLS', () => {
  const LANE = 'tcp-AAECAwQFBgcICQoL';
  const exported = bytesFor('exported', 32);

  it('of either side is taken by the other, once', () => {
    const { receiver, sender } = pairedRun();
    expect(receiver.tlsPsk(LANE)).toEqual(sender.tlsPsk(LANE));
    const proof = receiver.tlsLaneProof(LANE, exported);
    expect(sender.checkTlsLaneProof(LANE, exported, proof)).toBe(true);
    expect(receiver.checkTlsLaneProof(LANE, exported, sender.tlsLaneProof(LANE, exported))).toBe(true);
    expect(sender.checkTlsLaneProof(LANE, exported, proof)).toBe(false);
    const elsewhere = bytesFor('another connection', 32);
    const again = receiver.tlsLaneProof(LANE, elsewhere);
    expect(sender.checkTlsLaneProof(LANE, elsewhere, again)).toBe(false);
  });

  it('is refused from its maker, of another lane, connection or session, and with a byte changed', () => {
    const { receiver, sender } = pairedRun();
    const other = pairedRun(undefined, 'other').receiver;
    expect(other.tlsPsk(LANE)).not.toEqual(sender.tlsPsk(LANE));
    expect(sender.tlsPsk('tcp-other')).not.toEqual(sender.tlsPsk(LANE));
    const proof = receiver.tlsLaneProof(LANE, exported);
    for (const forged of [
      sender.tlsLaneProof(LANE, exported),
      other.tlsLaneProof(LANE, exported),
      receiver.tlsLaneProof('tcp-other', exported),
      receiver.tlsLaneProof(LANE, bytesFor('another connection', 32)),
      proof.subarray(1),
      flipped(proof, 31),
      new Uint8Array(0),
    ]) {
      expect(sender.checkTlsLaneProof(LANE, exported, forged)).toBe(false);
    }
    // Nothing of that has used the lane's id up.
    expect(sender.checkTlsLaneProof(LANE, exported, proof)).toBe(true);
  });

  it.each([0, 31, 33])('is neither made nor checked with %i bytes of keying material', (length) => {
    const { sender } = pairedRun();
    expect(() => sender.tlsLaneProof(LANE, new Uint8Array(length))).toThrow(RangeError);
    expect(() => sender.checkTlsLaneProof(LANE, new Uint8Array(length), exported)).toThrow(RangeError);
  });
});

describe('a session', () => {
  it('opens every sealed message once, and none with a byte changed', () => {
    const { receiver, sender } = pairedRun();
    const sealed = receiver.seal([OFFER]);
    for (let index = 0; index < sealed.length; index++) {
      expect(outcomeOf(() => sender.open(flipped(sealed, index, 0x80)))).toMatch(
        /^(tampered|ProtocolViolation)$/,
      );
    }
    expect(sender.open(sealed)).toEqual([OFFER]);
    expect(outcomeOf(() => sender.open(sealed))).toBe('tampered');
  });

  it('does not open what it sealed itself', () => {
    const { receiver } = pairedRun();
    expect(outcomeOf(() => receiver.open(receiver.seal([OFFER])))).toBe('tampered');
  });

  it('does not open the messages of the handshake again', () => {
    const { receiver, sender, accept, confirm } = pairedRun();
    expect(outcomeOf(() => receiver.open(accept))).toBe('tampered');
    expect(outcomeOf(() => sender.open(confirm))).toBe('tampered');
  });

  it('goes on after a gap', () => {
    const { receiver, sender } = pairedRun();
    sender.seal([ANSWER]);
    expect(receiver.open(sender.seal([ANSWER]))).toEqual([ANSWER]);
  });

  it('refuses to seal more than fits, and what the peer sealed out of form', () => {
    const { receiver, sender } = pairedRun();
    const candidates = Array.from(
      { length: 20 },
      () => ({ ...OFFER, sdp: 'x'.repeat(8000) }) as typeof OFFER,
    );
    expect(() => receiver.seal(candidates)).toThrow(RangeError);
    const outOfForm = receiver.seal([{ type: 'bye', code: 'NOT A CODE' }]);
    expect(() => sender.open(outOfForm)).toThrow(ProtocolViolation);
    expect(sender.open(receiver.seal([OFFER]))).toEqual([OFFER]);
  });
});
