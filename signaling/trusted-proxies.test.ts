import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TrustedProxies } from './trusted-proxies.ts';

const proxies = new TrustedProxies(['127.0.0.1', '10.0.0.0/8', '2001:db8:1::/48']);

describe('TrustedProxies', () => {
  test('believes nobody by default', () => {
    expect(new TrustedProxies([]).clientAddress('127.0.0.1', '198.51.100.7')).toBe('127.0.0.1');
  });

  test.each([
    ['a stranger who claims to be another', '203.0.113.5', '198.51.100.7', '203.0.113.5'],
    ['a client behind a trusted proxy', '10.1.2.3', '198.51.100.7', '198.51.100.7'],
    ['a client behind two', '10.1.2.3', '198.51.100.7, 10.9.9.9', '198.51.100.7'],
    ['a client who put a hop before its own', '10.1.2.3', '192.0.2.1, 198.51.100.7', '198.51.100.7'],
    ['a client who put a trusted hop before its own', '10.1.2.3', '10.0.0.1, 198.51.100.7', '198.51.100.7'],
    ['a client behind a proxy that names its port', '10.1.2.3', '198.51.100.7:4711', '198.51.100.7'],
    ['an IPv6 client, its port named too', '10.1.2.3', '[2001:db8:5::1]:4711', '2001:db8:5::1'],
    ['an IPv6 client in brackets', '10.1.2.3', '[2001:db8:5::1]', '2001:db8:5::1'],
    ['a client behind two that name ports', '10.1.2.3', '198.51.100.7:1, 10.9.9.9:2', '198.51.100.7'],
    ['a hop that only looks like one with a port', '10.1.2.3', '198.51.100.7, 198.51.100:80', '10.1.2.3'],
    ['a proxy that appends no address', '10.1.2.3', '198.51.100.7, unknown', '10.1.2.3'],
    ['a proxy that sends no header', '10.1.2.3', undefined, '10.1.2.3'],
    ['a proxy that sends an empty one', '10.1.2.3', '', '10.1.2.3'],
    ['a request made by a proxy itself', '10.1.2.3', '10.4.4.4', '10.4.4.4'],
    ['a proxy seen through a dual-stack socket', '::ffff:10.1.2.3', '::ffff:198.51.100.7', '198.51.100.7'],
    ['an IPv6 proxy', '2001:db8:1:2::3', '2001:DB8:5:0::1', '2001:db8:5::1'],
    ['an IPv6 stranger', '2001:db8:2::3', '198.51.100.7', '2001:db8:2::3'],
    ['a socket already gone', undefined, '198.51.100.7', 'unknown'],
  ])('%s', (_, remote, forwardedFor, client) => {
    expect(proxies.clientAddress(remote, forwardedFor)).toBe(client);
  });

  test('is never moved by what stands left of the right-most untrusted hop', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())), (forged) => {
        const header = [...forged, '198.51.100.7', '10.0.0.2'].join(', ');
        expect(proxies.clientAddress('127.0.0.1', header)).toBe('198.51.100.7');
      }),
    );
  });

  test.each([
    '',
    'proxy.example',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '2001:db8::/129',
    '10.0.0.0/-1',
  ])('refuses %j as a configuration', (entry) => {
    expect(() => new TrustedProxies([entry])).toThrow(`not an address or network: ${entry}`);
  });
});
