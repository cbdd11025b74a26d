import { describe, expect, it } from 'vitest';
import type { Route } from './lane.ts';
import type { PeerConnection } from './platform.ts';
import { agreeOnRoute, isPrivate, NamedAddresses, viewRoute } from './route.ts';

type Stats = Record<string, unknown>;

/** A connection whose statistics are these. */
function connectionOf(...stats: Stats[]): PeerConnection {
  const report = new Map(stats.map((each) => [each['id'], each]));
  return { getStats: async () => report } as unknown as PeerConnection;
}

/** A connection whose selected pair is of these two, as Chromium and Node report it. */
const selected = (local: Stats, remote: Stats) =>
  connectionOf(
    { id: 'T', type: 'transport', selectedCandidatePairId: 'P' },
    { id: 'other', type: 'candidate-pair', nominated: true, state: 'succeeded' },
    { id: 'P', type: 'candidate-pair', localCandidateId: 'L', remoteCandidateId: 'R' },
    { id: 'L', type: 'local-candidate', ...local },
    { id: 'R', type: 'remote-candidate', ...remote },
  );

/** The peer names this address as its own. */
function naming(...candidates: string[]): NamedAddresses {
  const named = new NamedAddresses();
  for (const candidate of candidates) named.addCandidate(candidate);
  return named;
}

const host = (address: string) => `candidate:1 1 UDP 2114977791 ${address} 50000 typ host`;
const HOST = { candidateType: 'host' };

describe('the route of a connection', () => {
  it.each<[string, PeerConnection, NamedAddresses, Route | null]>([
    ['without statistics', connectionOf(), naming(), null],
    [
      'whose pair is not known yet',
      connectionOf({ id: 'T', type: 'transport' }, { id: 'P', type: 'candidate-pair', state: 'in-progress' }),
      naming(),
      null,
    ],
    [
      'to a private address that the peer named',
      selected(HOST, { ...HOST, address: '192.168.1.7' }),
      naming(host('192.168.1.7')),
      'lan',
    ],
    [
      'to the same in Node’s words',
      selected(HOST, { ...HOST, ip: '192.168.1.7' }),
      naming(`a=${host('192.168.1.7')}`),
      'lan',
    ],
    [
      'to a private IPv6 address, however it is written',
      selected(HOST, { ...HOST, address: 'fd00::ABCD' }),
      naming(host('FD00::abcd')),
      'lan',
    ],
    [
      'to a private address that answered and was not named: a carrier’s, a VPN’s',
      selected(HOST, { candidateType: 'prflx', address: '10.0.0.1' }),
      naming(host('10.0.0.2')),
      'direct',
    ],
    [
      'to a private address that the peer named as what a server saw',
      selected(HOST, { candidateType: 'srflx', address: '100.64.0.1' }),
      naming('candidate:2 1 UDP 1 100.64.0.1 50000 typ srflx raddr 192.168.1.7 rport 50000'),
      'direct',
    ],
    [
      'to a public address, named or not',
      selected(HOST, { ...HOST, address: '203.0.113.5' }),
      naming(host('203.0.113.5')),
      'direct',
    ],
    [
      'to a name that a browser hides an address behind',
      selected(HOST, { ...HOST, address: 'x.local' }),
      naming(),
      'lan',
    ],
    ['to an address that the browser hides', selected(HOST, { ...HOST, address: '' }), naming(), 'lan'],
    [
      'to an address that it hides and found by itself',
      selected(HOST, { candidateType: 'prflx', address: null }),
      naming(),
      'direct',
    ],
    [
      'through our relay',
      selected({ candidateType: 'relay' }, { ...HOST, address: '192.168.1.7' }),
      naming(host('192.168.1.7')),
      'relayed',
    ],
    [
      'through the peer’s relay',
      selected(HOST, { candidateType: 'relay', address: '192.168.1.7' }),
      naming(host('192.168.1.7')),
      'relayed',
    ],
    [
      'in Firefox, which names no transport',
      connectionOf(
        { id: 'Q', type: 'candidate-pair', nominated: false, state: 'succeeded', remoteCandidateId: 'X' },
        { id: 'P', type: 'candidate-pair', nominated: true, state: 'succeeded', remoteCandidateId: 'R' },
        { id: 'R', type: 'remote-candidate', ...HOST, address: '172.16.0.9' },
      ),
      naming(host('172.16.0.9')),
      'lan',
    ],
  ])('%s', async (_, connection, named, route) => {
    expect(await viewRoute(connection, named)).toBe(route);
  });
});

it.each([
  ['127.0.0.1', true],
  ['10.255.0.1', true],
  ['172.15.0.1', false],
  ['172.16.0.1', true],
  ['172.31.255.255', true],
  ['172.32.0.1', false],
  ['192.168.0.1', true],
  ['192.169.0.1', false],
  ['169.254.9.9', true],
  ['100.63.0.1', false],
  ['100.64.0.1', true],
  ['100.127.0.1', true],
  ['100.128.0.1', false],
  ['11.0.0.1', false],
  ['::1', true],
  ['fc00::1', true],
  ['FDab::1', true],
  ['fe80::1', true],
  ['febf::1', true],
  ['fec0::1', false],
  ['2001:db8::1', false],
  ['fd::1', false],
  ['', false],
  ['example.org', false],
])('%s is private: %s', (address, expected) => {
  expect(isPrivate(address)).toBe(expected);
});

it('both sides come to one word: what either could prove counts', () => {
  expect(agreeOnRoute([null, null])).toBeNull();
  expect(agreeOnRoute(['direct', null])).toBe('direct');
  expect(agreeOnRoute(['direct', 'lan'])).toBe('lan');
  expect(agreeOnRoute(['lan', 'relayed'])).toBe('relayed');
});
