import { describe, expect, test } from 'vitest';
import type { SocketAddress } from '../codec/ip-address.ts';
import type { Sighting } from './behaviour.ts';
import { classifyMapping, mappingServers } from './mapping.ts';
import { portStep, preservesPort, variesAddress } from './ports.ts';

const at = (port: number, address = '203.0.113.2'): SocketAddress => ({ address, port });
const LOCAL = at(5000, '10.0.0.2');

describe('mapping', () => {
  test('asks the other IP at the primary port before the other IP and port', () => {
    expect(mappingServers(at(3478), at(3479, '203.0.113.3'))).toEqual([
      at(3478),
      at(3478, '203.0.113.3'),
      at(3479, '203.0.113.3'),
    ]);
  });

  test.each([
    ['none', [LOCAL, LOCAL, LOCAL]],
    ['none', [LOCAL]],
    ['endpoint-independent', [at(1), at(1), at(1)]],
    ['address-dependent', [at(1), at(2), at(2)]],
    ['address-dependent', [at(1), at(1, '203.0.113.9'), at(1, '203.0.113.9')]],
    ['address-and-port-dependent', [at(1), at(2), at(3)]],
    ['address-and-port-dependent', [at(1), at(1), at(3)]],
    ['address-and-port-dependent', [at(1), at(2), at(1)]],
    // The same number on another address is another address.
    ['endpoint-independent', [at(5000), at(5000), at(5000)]],
    [null, [at(1)]],
    [null, [at(1), null, at(1)]],
    [null, [at(1), at(1), null]],
    [null, [null, at(1), at(1)]],
    [null, []],
  ])('is %s', (mapping, mapped) => {
    expect(classifyMapping(LOCAL, mapped)).toBe(mapping);
  });
});

describe('ports', () => {
  const sighting = (localPort: number, port: number, address?: string): Sighting => ({
    localPort,
    server: at(3478),
    mapped: at(port, address),
  });
  const mappedTo = (...ports: (number | null)[]) =>
    ports.map((port, i) => (port === null ? null : sighting(40_000 + 7 * i, port)));

  test.each([
    [1, [5000, 5001, 5002, 5003, 5004]],
    [2, [5000, 5002, 5004]],
    [-1, [5004, 5003, 5002]],
    [1, [5000, null, 5002, 5003, null]],
    [null, [5000, null, 5001, 5002, 5003]],
    [null, [5000, 5001, 5003, 5004, 5005]],
    [null, [41_130, 18_093, 52_823, 29_810]],
    [null, [5000, 5001]],
    [null, [5000]],
    [null, []],
  ])('step is %s for %j', (step, ports) => {
    expect(portStep(mappedTo(...ports))).toBe(step);
  });

  test('that are kept have no step, whatever the system gave', () => {
    const kept = [sighting(1, 1), null, sighting(2, 2), sighting(3, 3)];
    expect([preservesPort(kept), portStep(kept)]).toEqual([true, null]);
    expect(preservesPort([...kept, sighting(4, 5)])).toBe(false);
  });

  test('of several addresses', () => {
    expect(variesAddress([sighting(1, 1), sighting(2, 2)])).toBe(false);
    expect(variesAddress([sighting(1, 1), sighting(2, 2, '203.0.113.3')])).toBe(true);
  });
});
