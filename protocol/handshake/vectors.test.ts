import {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  hkdfSync,
  sign as signEd25519,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hexToBytes as bytes, bytesToHex as hex } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { codeSecret, formatCode } from './code.ts';
import { cpaceKey, cpaceShare } from './cpace.ts';
import { unwrap } from './envelope.ts';
import { deriveKeys } from './key-schedule.ts';
import { cpaceInput } from './keyed-run.ts';
import { formatLink } from './link.ts';
import { parseLv } from './lv.ts';
import {
  ANSWER,
  bytesFor,
  CODE,
  DELIVERY,
  LINK,
  OFFER,
  OWNER,
  receiverOf,
  senderOf,
} from './paired-run.fixture.ts';
import type { Secret } from './secret.ts';

/**
 * The vectors in docs/handshake.md. The first test holds this implementation against them (after a change of the wire
 * format, `vitest run -u` writes them anew); the others recompute them from the specification's formulas with
 * OpenSSL's primitives, so that they are right and not only stable.
 */
const FILE = './testdata/sp1.json';
const FINGERPRINTS = { sender: bytesFor('fpS', 32), receiver: bytesFor('fpR', 32) };
const LANE = 'a';
const TLS_LANE = 'tcp-AAECAwQFBgcICQoL';
const TLS_EXPORTED = bytesFor('exported', 32);

describe('this implementation', () => {
  it('says what the vectors say, byte by byte', async () => {
    const vectors = {
      owner: { seed: hex(bytesFor('owner', 32)), publicKey: hex(OWNER.publicKey), k: hex(OWNER.k) },
      link: formatLink({ serverUrl: 'https://host.example/', k: OWNER.k }),
      code: formatCode(CODE),
      runs: [runVector(LINK), runVector(codeSecret(CODE))],
    };
    await expect(`${JSON.stringify(vectors, null, 2)}\n`).toMatchFileSnapshot(FILE);
  });

  function runVector(secret: Secret) {
    const receiver = receiverOf(secret);
    const sender = senderOf(secret, receiver.hello);
    receiver.onMessage(sender.reply);
    const confirm = receiver.confirm([DELIVERY, OFFER]);
    sender.onConfirm(confirm);
    const { message: accept, session } = sender.accept([ANSWER]);
    const step = receiver.onMessage(accept);
    if (step.type !== 'session') throw new Error('no session');
    const { isk, keys } = keysOf(secret, receiver.hello, sender.reply);
    return {
      mode: secret.mode,
      prs: hex(secret.prs),
      room: hex(secret.room),
      roomName: secret.roomName,
      sid: hex(bytesFor('sid receiver', 16)),
      receiverScalar: hex(bytesFor('scalar receiver', 32)),
      senderScalar: hex(bytesFor('scalar sender', 32)),
      hello: hex(receiver.hello),
      reply: hex(sender.reply),
      isk: hex(isk),
      th: hex(keys.th),
      kcR: hex(keys.confirm.receiver),
      kcS: hex(keys.confirm.sender),
      kRS: hex(keys.seal.receiver),
      kSR: hex(keys.seal.sender),
      kBind: hex(keys.bind),
      kTls: hex(keys.tls),
      confirm: hex(confirm),
      accept: hex(accept),
      sealedByReceiver: hex(step.session.seal([OFFER])),
      sealedBySender: hex(session.seal([])),
      laneId: LANE,
      senderFingerprint: hex(FINGERPRINTS.sender),
      receiverFingerprint: hex(FINGERPRINTS.receiver),
      receiverLaneProof: hex(step.session.laneProof(LANE, FINGERPRINTS)),
      senderLaneProof: hex(session.laneProof(LANE, FINGERPRINTS)),
      tlsLaneId: TLS_LANE,
      tlsExported: hex(TLS_EXPORTED),
      tlsPsk: hex(session.tlsPsk(TLS_LANE)),
      receiverTlsLaneProof: hex(step.session.tlsLaneProof(TLS_LANE, TLS_EXPORTED)),
      senderTlsLaneProof: hex(session.tlsLaneProof(TLS_LANE, TLS_EXPORTED)),
    };
  }
});

/** What a run keeps to itself, from outside: as the receiver computes it. */
function keysOf(secret: Secret, hello: Uint8Array, reply: Uint8Array) {
  const { sid, body } = unwrap(hello);
  const [ya, ada] = parseLv(body, ['share', 'ad']);
  const [yb, adb] = parseLv(unwrap(reply).body, ['share', 'ad']);
  const { scalar } = cpaceShare(cpaceInput(secret, sid), bytesFor('scalar receiver', 32));
  const isk = cpaceKey(scalar, yb, sid, { ya, ada, yb, adb });
  return { isk, keys: deriveKeys(isk, hello, reply) };
}

const { owner, runs } = JSON.parse(readFileSync(new URL(FILE, import.meta.url), 'utf8')) as {
  owner: Record<'seed' | 'publicKey' | 'k', string>;
  runs: Record<string, string>[];
};

describe.each(runs)('the specification, by $mode', (vector) => {
  const given = (name: string) => bytes(vector[name] ?? '');
  const sid = given('sid');
  const header = (type: number) => [type, ...sid];
  const ad = (role: string) => [1, role.charCodeAt(0), 1, 4, 0];
  const [hello, reply] = [given('hello'), given('reply')];
  const [ya, yb] = [hello.subarray(18, 50), reply.subarray(18, 50)];
  const th = sha256([...lv(hello), ...lv(reply)]);
  const ci = bytes(
    hex(Uint8Array.from([...lv(utf8('sp1')), ...lv(utf8(vector['mode'] ?? '')), ...lv(given('room'))])),
  );
  const { scalar } = cpaceShare({ prs: given('prs'), ci, sid }, given('receiverScalar'));
  const isk = cpaceKey(scalar, yb, sid, {
    ya,
    ada: Uint8Array.from(ad('R')),
    yb,
    adb: Uint8Array.from(ad('S')),
  });
  const key = (label: string) => new Uint8Array(hkdfSync('sha256', isk, th, `sp1 ${label}`, 32));

  it('gives the secret its password and its room', () => {
    if (vector['mode'] === 'link') {
      const derived = (label: string, length: number) =>
        hex(new Uint8Array(hkdfSync('sha256', bytes(owner.k), '', `sp1 ${label}`, length)));
      expect([vector['prs'], vector['room']]).toEqual([derived('prs', 32), derived('room', 16)]);
    } else {
      expect([given('prs'), given('room')]).toEqual([utf8('apple-river-stone'), utf8('4821')]);
    }
  });

  it('lays out hello and reply', () => {
    expect(hello).toEqual(Uint8Array.from([...header(1), 32, ...ya, 5, ...ad('R')]));
    expect(reply).toEqual(Uint8Array.from([...header(2), 32, ...yb, 5, ...ad('S')]));
  });

  it('derives the keys', () => {
    expect([given('isk'), given('th')]).toEqual([isk, th]);
    for (const label of ['kcR', 'kcS', 'kRS', 'kSR', 'kBind', 'kTls'])
      expect(given(label)).toEqual(key(label));
  });

  it('confirms, and seals the receiver’s first payloads', () => {
    const mac = hmac(key('kcR'), [...lv(utf8('R')), ...lv(th)]);
    const delivery = '{"type":"delivery","id":"AAECAwQFBgcICQoLDA0ODw"}';
    const offer = '{"type":"offer","lane":"a","sdp":"v=0\\r\\n"}';
    const sealed = seal('RS', 0, `[${delivery},${offer}]`);
    expect(given('confirm')).toEqual(Uint8Array.from([...header(3), ...lv(mac), ...lv(sealed)]));
  });

  it('accepts with the owner’s proof, and seals the sender’s first payloads', () => {
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes(owner.seed)]);
    const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    const signed = Uint8Array.from([...lv(utf8('sp1 owner')), ...lv(th)]);
    const proof = {
      type: 'owner',
      publicKey: Buffer.from(bytes(owner.publicKey)).toString('base64url'),
      signature: signEd25519(null, signed, privateKey).toString('base64url'),
    };
    const answer = { type: 'answer', lane: 'a', sdp: 'v=0\r\ns=-\r\n' };
    const mac = hmac(key('kcS'), [...lv(utf8('S')), ...lv(th)]);
    const sealed = seal('SR', 0, JSON.stringify([proof, answer]));
    expect(given('accept')).toEqual(Uint8Array.from([...header(4), ...lv(mac), ...lv(sealed)]));
  });

  it('names the owner by the hash of the public key', () => {
    expect(hex(sha256(bytes(owner.publicKey)))).toMatch(new RegExp(`^${owner.k}`));
  });

  it('seals what follows', () => {
    const offer = '[{"type":"offer","lane":"a","sdp":"v=0\\r\\n"}]';
    expect(given('sealedByReceiver')).toEqual(Uint8Array.from([...header(5), ...seal('RS', 1, offer)]));
    expect(given('sealedBySender')).toEqual(Uint8Array.from([...header(5), ...seal('SR', 1, '[]')]));
  });

  it('binds a lane', () => {
    const proof = (role: string) =>
      hmac(
        key('kBind'),
        [utf8('dc'), utf8(role), utf8('a'), given('senderFingerprint'), given('receiverFingerprint')].flatMap(
          lv,
        ),
      );
    expect(given('receiverLaneProof')).toEqual(proof('R'));
    expect(given('senderLaneProof')).toEqual(proof('S'));
  });

  it('keys and binds a lane over TLS', () => {
    const laneId = utf8(vector['tlsLaneId'] ?? '');
    // HKDF-Expand for one block of output: HMAC(key, info || 1).
    expect(given('tlsPsk')).toEqual(hmac(key('kTls'), [...laneId, 1]));
    const proof = (role: string) =>
      hmac(key('kBind'), [utf8('tls'), utf8(role), laneId, given('tlsExported')].flatMap(lv));
    expect(given('receiverTlsLaneProof')).toEqual(proof('R'));
    expect(given('senderTlsLaneProof')).toEqual(proof('S'));
  });

  function seal(direction: 'RS' | 'SR', seq: number, plaintext: string): Uint8Array {
    const text = utf8(plaintext);
    const padded = new Uint8Array(Math.ceil((4 + text.length) / 256) * 256);
    padded.set([text.length >> 8, text.length & 255], 2);
    padded.set(text, 4);
    const seq8 = [0, 0, 0, 0, 0, 0, 0, seq];
    const cipher = createCipheriv(
      'aes-256-gcm',
      key(`k${direction}`),
      Uint8Array.from([0, 0, 0, 0, ...seq8]),
    );
    cipher.setAAD(Uint8Array.from([given('room'), utf8(direction), sid, Uint8Array.from(seq8)].flatMap(lv)));
    return Uint8Array.from([...seq8, ...cipher.update(padded), ...cipher.final(), ...cipher.getAuthTag()]);
  }
});

/** LEB128 for lengths below 16,384. */
function lv(part: Uint8Array): number[] {
  return part.length < 128 ? [part.length, ...part] : [(part.length & 127) | 128, part.length >> 7, ...part];
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function sha256(data: Iterable<number>): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(Uint8Array.from(data)).digest());
}

function hmac(key: Uint8Array, data: Iterable<number>): Uint8Array {
  return Uint8Array.from(createHmac('sha256', key).update(Uint8Array.from(data)).digest());
}
