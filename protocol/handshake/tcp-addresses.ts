import * as v from 'valibot';
import { MAX_TCP_ADDRESSES } from './limits.ts';

/**
 * Where a Node peer may be dialled, as one side tells the other, sealed. `host`: an address of the machine itself;
 * `reflexive`: what a STUN server saw, outside of a NAT. Addresses are literals, never names: nothing is looked up.
 */
export const tcpAddresses = v.pipe(
  v.array(
    v.strictObject({
      host: v.pipe(v.string(), v.ip()),
      port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
      kind: v.picklist(['host', 'reflexive']),
    }),
  ),
  v.maxLength(MAX_TCP_ADDRESSES),
  v.readonly(),
);

export type TcpAddresses = readonly TcpAddress[];
export type TcpAddress = Readonly<v.InferOutput<typeof tcpAddresses>[number]>;
