import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isOwnOrigin, parseHost } from './host-header.ts';

describe('parseHost', () => {
  test.each([
    ['files.example', 'files.example', 'files.example'],
    ['Files.Example:8443', 'files.example', 'files.example:8443'],
    ['127.0.0.1:8080', '127.0.0.1', '127.0.0.1:8080'],
    ['[::1]:8080', '[::1]', '[::1]:8080'],
    ['[2001:DB8::1]', '[2001:db8::1]', '[2001:db8::1]'],
  ])('%s', (header, hostname, host) => {
    expect(parseHost(header)).toEqual({ hostname, host });
  });

  test.each([
    undefined,
    '',
    'a b',
    "a; script-src 'unsafe-inline'",
    'a/b',
    'user@a',
    'a?b',
    '[::1',
    '::1',
    'a:99999',
    'a:',
    '[zz]',
    'x'.repeat(300),
    'a\nb',
  ])('refuses %j', (header) => {
    expect(parseHost(header)).toBeNull();
  });

  test('yields only what may stand in a header, a policy or a STUN address', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(parseHost(header)?.host ?? 'x').toMatch(/^[a-z0-9._:[\]-]+$/);
        expect(parseHost(header)?.hostname ?? 'x').toMatch(/^[a-z0-9._:[\]-]+$/);
      }),
    );
  });
});

describe('isOwnOrigin', () => {
  test.each([
    ['no browser', undefined, 'files.example'],
    ['same host', 'https://files.example', 'files.example'],
    ['same port', 'http://localhost:8080', 'localhost:8080'],
    ['behind a proxy that names the default port', 'https://files.example', 'files.example:443'],
    ['other case', 'https://files.example', 'FILES.example'],
  ])('takes %s', (_, origin, host) => {
    expect(isOwnOrigin(origin, host)).toBe(true);
  });

  test.each([
    ['another site', 'https://evil.example', 'files.example'],
    ['a sandboxed frame', 'null', 'files.example'],
    ['another port', 'http://localhost:8081', 'localhost:8080'],
    ['a default port of the other scheme', 'http://files.example', 'files.example:443'],
    ['a longer name', 'https://files.example.evil.example', 'files.example'],
    ['an extension', 'chrome-extension://files.example', 'files.example'],
    ['no Host', 'https://files.example', undefined],
    ['a Host with credentials', 'https://files.example', 'x@files.example'],
  ])('refuses %s', (_, origin, host) => {
    expect(isOwnOrigin(origin, host)).toBe(false);
  });
});
