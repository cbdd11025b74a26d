import * as v from 'valibot';
import { expect, test } from 'vitest';
import { tcpAddresses } from './tcp-addresses.ts';

const ADDRESS = { host: '11.0.0.1', port: 443, kind: 'host' };

const takes = (addresses: unknown) => v.is(tcpAddresses, addresses);

test.each([
  ['none at all', []],
  ['as many as are allowed', Array(8).fill(ADDRESS)],
  ['IPv6', [{ ...ADDRESS, host: '2001:db8::1', kind: 'reflexive' }]],
  ['the lowest and the highest port', [1, 65_535].map((port) => ({ ...ADDRESS, port }))],
])('%s is taken', (_, addresses) => {
  expect(takes(addresses)).toBe(true);
});

test.each([
  ['one too many', Array(9).fill(ADDRESS)],
  ['a name, which would be looked up', [{ ...ADDRESS, host: 'router.lan' }]],
  ['a number that the system would read as 127.0.0.1', [{ ...ADDRESS, host: '2130706433' }]],
  ['octal figures', [{ ...ADDRESS, host: '0177.0.0.1' }]],
  ['brackets', [{ ...ADDRESS, host: '[2001:db8::1]' }]],
  ['port 0', [{ ...ADDRESS, port: 0 }]],
  ['a port above all', [{ ...ADDRESS, port: 65_536 }]],
  ['half a port', [{ ...ADDRESS, port: 1.5 }]],
  ['another kind', [{ ...ADDRESS, kind: 'relayed' }]],
  ['another field', [{ ...ADDRESS, url: 'http://11.0.0.1/' }]],
])('%s is refused', (_, addresses) => {
  expect(takes(addresses)).toBe(false);
});
