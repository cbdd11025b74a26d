import { expect, test } from 'vitest';
import { offeredAddresses } from './offered-addresses.ts';

const PORT = 40_000;

test('what servers saw comes first, then IPv4, then IPv6; nothing that nobody can dial', () => {
  const own = ['127.0.0.1', '::1', 'fe80::1', '2001:db8::5', '192.168.1.5', '169.254.1.1'];
  const seen = [{ address: '11.0.1.1', port: 5 }];
  expect(offeredAddresses(own, PORT, seen, false)).toEqual([
    { host: '11.0.1.1', port: 5, kind: 'reflexive' },
    { host: '192.168.1.5', port: PORT, kind: 'host' },
    { host: '2001:db8::5', port: PORT, kind: 'host' },
  ]);
});

test('what two servers saw alike, and what the machine has itself, is said once', () => {
  const seen = ['11.0.1.1', '11.0.1.1', '11.0.2.2'].map((address) => ({ address, port: PORT }));
  expect(offeredAddresses(['11.0.2.2'], PORT, seen, false)).toEqual([
    { host: '11.0.1.1', port: PORT, kind: 'reflexive' },
    { host: '11.0.2.2', port: PORT, kind: 'host' },
  ]);
});

test('a machine with many addresses tells eight', () => {
  const own = Array.from({ length: 20 }, (_, i) => `10.0.0.${i + 1}`);
  expect(offeredAddresses(own, PORT, [{ address: '11.0.1.1', port: 5 }], false)).toHaveLength(8);
});

test('loopback is told where both peers are on one machine', () => {
  expect(offeredAddresses(['127.0.0.1'], PORT, [], true)).toEqual([
    { host: '127.0.0.1', port: PORT, kind: 'host' },
  ]);
});
