import { readFileSync } from 'node:fs';

/** The published test vectors, as they are printed there. */
export const VECTORS = {
  request: vector('rfc5769-2.1-request'),
  responseIpv4: vector('rfc5769-2.2-response-ipv4'),
  responseIpv6: vector('rfc5769-2.3-response-ipv6'),
  requestLongTerm: vector('rfc5769-2.4-request-long-term'),
  requestUserhash: vector('rfc8489-b.1-request-erratum-6268'),
};

function vector(name: string): Uint8Array {
  const text = readFileSync(new URL(`../testdata/${name}.hex`, import.meta.url), 'latin1');
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}
