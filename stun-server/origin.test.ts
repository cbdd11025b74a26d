import { expect, test } from 'vitest';
import { originOf } from './origin.ts';

test.each([
  ['192.0.2.7', '::ffff:192.0.2.7'],
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
  ['fe80::1%eth0', 'fe80::2%eth0'],
])('%s and %s are one origin', (one, other) => {
  expect(originOf(one)).toBe(originOf(other));
});

test.each([
  ['192.0.2.7', '192.0.2.8'],
  ['2001:db8:1:2::1', '2001:db8:1:3::1'],
  ['::1', '::ffff:0.0.0.1'],
])('%s and %s are two', (one, other) => {
  expect(originOf(one)).not.toBe(originOf(other));
});
