import { describe, expect, test } from 'vitest';
import type { UdpBehaviour } from './behaviour.ts';
import { sentences, shortcoming } from './sentences.ts';

const SERVER = { address: '203.0.113.10', port: 3478 };
const HOME: UdpBehaviour = {
  reachable: true,
  local: { address: '10.0.0.2', port: 40_000 },
  other: { address: '203.0.113.11', port: 3479 },
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  hairpin: false,
  preservesPort: true,
  portStep: null,
  variesAddress: false,
  seen: [{ localPort: 40_000, server: SERVER, mapped: { address: '203.0.113.2', port: 40_000 } }],
  tcp: { mapping: 'endpoint-independent' },
};
const BLOCKED = { reachable: false, filtering: 'blocked', tcp: null } as const;
const said = (change: Partial<UdpBehaviour>) => sentences({ ...HOME, ...change }).join('\n');

test('a home router in words', () => {
  expect(sentences(HOME)).toEqual([
    'Inside, this computer is 10.0.0.2; outside, it is 203.0.113.2.',
    'A local port has the same address outside for everyone it talks to (endpoint-independent mapping).',
    'Only the very computers and ports that a port has sent to can reach it (address- and port-dependent filtering).',
    'Ports keep their numbers outside (port preservation).',
    'Computers behind the same NAT do not reach one another by their addresses outside (no hairpinning).',
    'Over TCP: A local port has the same address outside for everyone it talks to (endpoint-independent mapping).',
  ]);
});

test.each<[Partial<UdpBehaviour>, RegExp]>([
  [{ mapping: 'address-dependent' }, /every computer it talks to \(address-dependent mapping\)/],
  [
    { mapping: 'address-and-port-dependent' },
    /\(address- and port-dependent mapping, also called symmetric\)/,
  ],
  [{ filtering: 'endpoint-independent' }, /^Anyone can reach .*\(endpoint-independent filtering\)/m],
  [{ filtering: 'address-dependent' }, /\(address-dependent filtering\)/],
  [{ hairpin: true }, /^Computers .* reach one another .*\(hairpinning\)/m],
  [{ preservesPort: false, portStep: 2 }, /a number 2 higher than the last/],
  [{ preservesPort: false, portStep: -1 }, /a number 1 lower than the last/],
  [{ preservesPort: false }, /in no order that shows/],
  [{ variesAddress: true }, /\(arbitrary IP pooling\)/],
  [{ lifetime: null }, /\(no RESPONSE-PORT\)/],
  [{ lifetime: { aliveSeconds: 8, goneSeconds: 10 } }, /for more than 8 and less than 10 seconds/],
  [{ lifetime: { aliveSeconds: 16, goneSeconds: null } }, /for more than 16 seconds/],
  [{ tcp: { mapping: null } }, /how TCP is mapped stays unknown/],
  [{ tcp: null }, /Over TCP the server was not reached/],
])('%o is said', (change, sentence) => {
  expect(said(change)).toMatch(sentence);
});

test('without a NAT nothing is said of its ports', () => {
  expect(said({ mapping: 'none', hairpin: true })).toMatch(/\(no mapping\)/);
  expect(said({ mapping: 'none', hairpin: true })).not.toMatch(/preservation|hairpinning/);
});

describe('a shortcoming', () => {
  test.each([
    [null, HOME],
    ['unreachable', BLOCKED],
    ['no-other-address', { ...HOME, other: null, mapping: null, filtering: null }],
    ['no-other-address', { ...HOME, other: null, mapping: 'none' as const, filtering: null }],
    ['other-address-silent', { ...HOME, mapping: null }],
    ['other-address-silent', { ...HOME, filtering: null }],
  ])('is %s', (code, behaviour) => {
    expect(shortcoming(behaviour)?.code ?? null).toBe(code);
  });

  test('is told with what is known', () => {
    expect(sentences(BLOCKED)).toEqual([
      'No answer came over UDP: it is blocked on the way, or no STUN server is there.',
      'Over TCP the server was not reached.',
    ]);
  });
});
