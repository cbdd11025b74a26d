import { describe, expect, test } from 'vitest';
import { VECTORS } from '../testing/vectors.ts';
import type { Attribute } from './attribute.ts';
import { decodeBindingResponse, encodeBindingRequest, randomTransactionId } from './binding.ts';
import { errorCode } from './error-code.ts';
import { BINDING, type MessageClass } from './header.ts';
import { mappedAddress } from './mapped-address.ts';
import { decodeMessage, encodeMessage } from './message.ts';
import { unknownAttributes } from './unknown-attributes.ts';
import { xorMappedAddress } from './xor-mapped-address.ts';

const ID = randomTransactionId();
const SEEN = { address: '198.51.100.7', port: 50_000 };
const REWRITTEN = { address: '10.0.0.1', port: 1 };

const message = (messageClass: MessageClass, attributes: Attribute[], method = BINDING) =>
  encodeMessage({ messageClass, method, transactionId: ID }, attributes);

test('a request is 20 bytes with the id it was given', () => {
  const request = encodeBindingRequest(ID);
  expect(request.length).toBe(20);
  expect(decodeMessage(request)).toMatchObject({
    messageClass: 'request',
    method: BINDING,
    transactionId: ID,
  });
});

test('ids differ', () => {
  expect(randomTransactionId()).not.toEqual(ID);
});

describe('a response', () => {
  test('says the mapped address, XOR-MAPPED-ADDRESS before MAPPED-ADDRESS', () => {
    const both = [mappedAddress(REWRITTEN), xorMappedAddress(SEEN, ID)];
    expect(decodeBindingResponse(message('success', both), ID)).toEqual({ kind: 'mapped', address: SEEN });
    expect(decodeBindingResponse(message('success', [mappedAddress(SEEN)]), ID)).toEqual({
      kind: 'mapped',
      address: SEEN,
    });
  });

  test('says the error', () => {
    const refusal = message('error', [errorCode(420), unknownAttributes([3])]);
    const error = { code: 420, reason: 'Unknown Attribute' };
    expect(decodeBindingResponse(refusal, ID)).toEqual({ kind: 'error', error });
  });

  test.each([
    ['with another id', VECTORS.responseIpv4],
    ['of another method', message('success', [xorMappedAddress(SEEN, ID)], 3)],
    ['that is a request', message('request', [xorMappedAddress(SEEN, ID)])],
    ['that is an indication', message('indication', [xorMappedAddress(SEEN, ID)])],
    ['without an address', message('success', [])],
    ['without an error code', message('error', [])],
    [
      'with an attribute that must be understood and is not',
      message('success', [xorMappedAddress(SEEN, ID), { type: 4, value: new Uint8Array(8) }]),
    ],
    ['that is cut', message('success', [xorMappedAddress(SEEN, ID)]).subarray(0, 31)],
  ])('%s is none', (_, bytes) => {
    expect(decodeBindingResponse(bytes, ID)).toBeNull();
  });
});
