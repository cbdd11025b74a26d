import { bytesToHex as hex } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { TransferError } from '../errors.ts';
import { RoomName } from '../signaling.ts';
import { FUZZ } from '../testing/fuzz.ts';
import { formatLink, linkSecret, parseLink } from './link.ts';
import { outcomeOf } from './paired-run.fixture.ts';

const k = Uint8Array.from({ length: 16 }, (_, index) => index * 17);
const FRAGMENT = 'ABEiM0RVZneImaq7zN3u_w';

describe('a link', () => {
  it.each([
    ['https://host/', 'https://host/'],
    ['http://localhost:8080/', 'http://localhost:8080/'],
    ['https://files.example/sally/port/', 'https://files.example/sally/port/'],
    ['https://[2001:db8::1]:8443/', 'https://[2001:db8::1]:8443/'],
    ['HTTPS://Files.Example/Prefix/', 'https://files.example/Prefix/'],
    ['  https://host/\n', 'https://host/'],
  ])('is read: %s', (text, serverUrl) => {
    const [before, after] = text.endsWith('\n') ? [text.trimEnd(), '\n'] : [text, ''];
    expect(parseLink(`${before}#${FRAGMENT}${after}`)).toEqual({ serverUrl, k });
  });

  it('is read as it was written', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.webUrl({ validSchemes: ['http', 'https'] }),
        (key, url) => {
          const serverUrl = `${new URL(url).origin}/`;
          expect(parseLink(formatLink({ serverUrl, k: key }))).toEqual({ serverUrl, k: key });
        },
      ),
    );
  });

  it.each([
    ['nothing', ''],
    ['no fragment', 'https://host/'],
    ['a fragment cut by one', `https://host/#${FRAGMENT.slice(0, 21)}`],
    ['a fragment with one more', `https://host/#${FRAGMENT}A`],
    ['a fragment that is not canonical: unused bits set', `https://host/#${FRAGMENT.slice(0, 21)}x`],
    ['padding', `https://host/#${FRAGMENT.slice(0, 20)}==`],
    ['base64 of the other alphabet', `https://host/#${FRAGMENT.slice(0, 20)}+/`],
    ['another scheme', `ftp://host/#${FRAGMENT}`],
    ['a script', `javascript://host/#${FRAGMENT}`],
    ['no scheme', `host/#${FRAGMENT}`],
    ['a user, who would name another host', `https://host@evil.example/#${FRAGMENT}`],
    ['a backslash, which browsers read as a slash', `https://host\\evil/#${FRAGMENT}`],
    ['no slash before the fragment', `https://host#${FRAGMENT}`],
    ['a path that ends in a file', `https://host/page#${FRAGMENT}`],
    ['a query', `https://host/?a=b#${FRAGMENT}`],
    ['a port beyond 65,535', `https://host:65536/#${FRAGMENT}`],
    ['no host', `https:///#${FRAGMENT}`],
    ['white space inside', `https://ho st/#${FRAGMENT}`],
    ['two links', `https://host/#${FRAGMENT} https://host/#${FRAGMENT}`],
    ['a short code', '4821-apple-river-stone'],
  ])('is refused: %s', (_, text) => {
    expect(outcomeOf(() => parseLink(text))).toBe('link-malformed');
  });

  it(
    'is refused or read, whatever it is, and never anything else',
    () => {
      const piece = fc.constantFrom(
        'https',
        'http',
        ':',
        '/',
        '//',
        '#',
        FRAGMENT,
        '@',
        '[',
        ']',
        '::1',
        'host',
        '?',
        ' ',
        '\u0000',
        '.',
      );
      const text = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
      );
      fc.assert(
        fc.property(text, (input) => {
          try {
            const link = parseLink(input);
            expect(parseLink(formatLink(link))).toEqual(link);
          } catch (error) {
            expect(error).toBeInstanceOf(TransferError);
          }
        }),
        { numRuns: 20_000 * FUZZ },
      );
    },
    20_000 * FUZZ,
  );

  it('is refused in no time however long it is', () => {
    expect(outcomeOf(() => parseLink(`https://${'a'.repeat(1_000_000)}`))).toBe('link-malformed');
    expect(outcomeOf(() => parseLink(`https://h/${'/'.repeat(2000)}`))).toBe('link-malformed');
  });
});

describe('the secret behind a link', () => {
  it('has a password and a room of its own, neither of which tells K', () => {
    const secret = linkSecret(k);
    expect(secret.prs).toHaveLength(32);
    expect(secret.room).toHaveLength(16);
    expect(hex(secret.room)).not.toBe(hex(k));
    expect(hex(secret.prs)).not.toContain(hex(secret.room));
  });

  it('names a room as the signaling server wants it', () => {
    expect(v.is(RoomName, linkSecret(k).roomName)).toBe(true);
  });
});
