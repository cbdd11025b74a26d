import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation, TransferError } from '../errors.ts';
import { FUZZ } from '../testing/fuzz.ts';
import { MESSAGE_TYPE, type MessageType, readHeader, unwrap, wrap } from './envelope.ts';
import { inspectHello, VERSIONS } from './hello.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { lv } from './lv.ts';
import { bytesFor, LINK, outcomeOf, receiverOf, senderOf } from './paired-run.fixture.ts';
import { refusalError, refuse } from './refusal.ts';

/** The one version that is spoken. */
const [OURS = 0] = VERSIONS;

const SID = bytesFor('sid', 16);
const { hello } = receiverOf(LINK);
const { reply } = senderOf(LINK, hello);

describe('an envelope', () => {
  it('is read as it was written', () => {
    const type = fc.constantFrom(...(Object.keys(MESSAGE_TYPE) as MessageType[]));
    const sid = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(type, sid, fc.uint8Array({ maxLength: 50 }), (name, run, body) => {
        const read = unwrap(wrap(name, run, body));
        expect({ type: read.type, sid: read.sid, body: read.body }).toEqual({ type: name, sid: run, body });
      }),
    );
  });

  it('names its run the same for each of its messages', () => {
    expect(readHeader(hello)).toEqual({ type: 'hello', run: readHeader(reply).run });
    expect(readHeader(hello).run).toMatch(/^[\w-]{22}$/);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['a header cut by one', new Uint8Array(16)],
    ['a type that is not known', new Uint8Array(17).fill(6)],
    ['more than any message has', new Uint8Array(MAX_MESSAGE_BYTES + 1)],
  ])('is refused with %s', (_, message) => {
    expect(() => readHeader(message)).toThrow(ProtocolViolation);
  });
});

describe('a hello', () => {
  const helloWith = (ad: Uint8Array, share: Uint8Array = new Uint8Array(32)) =>
    wrap('hello', SID, lv(share, ad));
  const version = (...versions: number[]) =>
    inspectHello(helloWith(lv('R', Uint8Array.from(versions), ''))).version;

  it('shows its run and the highest version that both speak', () => {
    expect(inspectHello(hello)).toEqual({ run: readHeader(hello).run, version: OURS });
    expect(version(1, OURS, 200)).toBe(OURS);
    expect(version(1)).toBe(null);
    expect(version(0)).toBe(null);
  });

  it('may carry capabilities of later versions, and a share of another size', () => {
    const ad = lv('R', Uint8Array.of(OURS), bytesFor('later', 256));
    expect(inspectHello(helloWith(ad, new Uint8Array(56))).version).toBe(OURS);
  });

  it.each([
    ['no versions', lv('R', '', '')],
    ['versions out of order', lv('R', Uint8Array.of(2, 1), '')],
    ['a version twice', lv('R', Uint8Array.of(1, 1), '')],
    [
      '17 versions',
      lv(
        'R',
        Uint8Array.from({ length: 17 }, (_, index) => index),
        '',
      ),
    ],
    ['257 bytes of capabilities', lv('R', Uint8Array.of(1), new Uint8Array(257))],
    ['a field missing', lv('R', Uint8Array.of(1))],
    ['a field too many', lv('R', Uint8Array.of(1), '', '')],
    ['nothing', new Uint8Array(0)],
  ])('is refused with %s', (_, ad) => {
    expect(() => inspectHello(helloWith(ad))).toThrow(ProtocolViolation);
  });

  it.each([
    ['the sender’s own role', 'S'],
    ['a role that there is not', 'X'],
    ['no role', ''],
    ['two roles', 'RS'],
  ])('is refused as tampered with %s', (_, role) => {
    expect(outcomeOf(() => inspectHello(helloWith(lv(role, Uint8Array.of(1), ''))))).toBe('tampered');
  });

  it(
    'is refused or read, whatever it is, and never anything else',
    () => {
      const messages = [
        hello,
        reply,
        refuse(hello, 'busy'),
        wrap('hello', SID, lv('', lv('R', Uint8Array.of(1), ''))),
      ];
      const mutated = fc
        .tuple(fc.constantFrom(...messages), fc.nat(100), fc.nat(255))
        .map(([message, at, byte]) => {
          const copy = message.slice();
          copy[at % copy.length] = byte;
          return copy;
        });
      fc.assert(
        fc.property(fc.oneof(mutated, mutated, fc.uint8Array({ maxLength: 60 })), (message) => {
          for (const decode of [inspectHello, (bytes: Uint8Array) => refusalError(unwrap(bytes), 'code')]) {
            try {
              decode(message);
            } catch (error) {
              if (!(error instanceof ProtocolViolation)) expect(error).toBeInstanceOf(TransferError);
            }
          }
        }),
        { numRuns: 30_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );
});

describe('a refusal', () => {
  it.each([
    ['version-mismatch', 'version-mismatch', 'version-mismatch'],
    ['busy', 'room-full', 'room-full'],
    ['code-used', 'code-used', 'code-used'],
    ['failed', 'wrong-code', 'tampered'],
  ] as const)('%s means %s to who typed a code and %s to who opened a link', (code, typed, opened) => {
    const refusal = unwrap(refuse(hello, code));
    expect(refusal.run).toBe(readHeader(hello).run);
    expect(refusalError(refusal, 'code')).toMatchObject({ code: typed, source: 'remote' });
    expect(refusalError(refusal, 'link')).toMatchObject({ code: opened, source: 'remote' });
  });

  it.each([
    ['no reason', []],
    ['an unknown reason', [0]],
    ['another unknown reason', [5]],
    ['two reasons', [1, 1]],
  ])('is malformed with %s', (_, body) => {
    expect(() => refusalError(unwrap(wrap('refuse', SID, Uint8Array.from(body))), 'code')).toThrow(
      ProtocolViolation,
    );
  });
});
