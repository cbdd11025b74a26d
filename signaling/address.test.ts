import { describe, expect, test } from 'vitest';
import { canonicalAddress, rateKey } from './address.ts';

describe('canonicalAddress', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  test.each([
    '',
    'unknown',
    '_hidden',
    '192.0.2.1:80',
    '[::1]',
    '192.0.2.256',
    '1.2.3',
    '::ffff:1.2.3',
    ' 192.0.2.1',
    '0x7f.1',
  ])('%j is none', (text) => {
    expect(canonicalAddress(text)).toBeNull();
  });
});

describe('rateKey', () => {
  test('is an IPv4 address itself', () => {
    expect(rateKey('192.0.2.1')).toBe('192.0.2.1');
  });

  test.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:ffff::1'],
    ['2001:db8:1:200::1', '2001:db8:1:2ff::1'],
    ['2001:db8::1', '2001:db8::ff:ffff:0:0:1'],
    ['2001:db8:0:0:1::', '2001:db8::2'],
    ['::1', '::2:3'],
    ['64:ff9b::1.2.3.4', '64:ff9b::5'],
  ])('%s and %s share a /56', (one, other) => {
    expect(rateKey(canonicalAddress(one) ?? '')).toBe(rateKey(canonicalAddress(other) ?? ''));
  });

  test.each([
    ['2001:db8:1:2ff::1', '2001:db8:1:300::1'],
    ['2001:db8::1', '2001:db8:0:100::1'],
    ['1::', '::1'],
    ['0:0:0:100::', '::1'],
  ])('%s and %s do not', (one, other) => {
    expect(rateKey(canonicalAddress(one) ?? '')).not.toBe(rateKey(canonicalAddress(other) ?? ''));
  });
});
