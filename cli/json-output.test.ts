import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { JsonOutput } from './json-output.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function said(path: string): string {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  new JsonOutput().say({ event: 'skipped', path, reason: 'unsafe-name' });
  const [[text]] = write.mock.calls as [[string]];
  write.mockRestore();
  return text;
}

test.each([
  ['a line feed', 'a\nb'],
  ['NEL, at which Python splits', 'a\u0085b'],
  ['LS, at which Node splits', 'a\u2028b'],
  ['PS', 'a\u2029b'],
  ['C1 CSI, which terminals obey', 'a\u009b31mb'],
  ['DEL', 'a\u007fb'],
  ['ESC', 'a\u001b[31mb'],
])('%s in a name neither ends the line nor reaches a terminal', (_, path) => {
  const text = said(path);
  expect(text).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]+\n$/u);
  expect(JSON.parse(text)).toEqual({ event: 'skipped', path, reason: 'unsafe-name' });
});

test('whatever a name holds, it comes back out of one line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (path) => {
      const text = said(path);
      expect(text.split(/[\n\r\u0085\u2028\u2029]/u)).toHaveLength(2);
      expect(JSON.parse(text)).toMatchObject({ path });
    }),
  );
});
