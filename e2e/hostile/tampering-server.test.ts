import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TransferErrorCode } from '#protocol/errors.ts';
import { cpaceShare } from '#protocol/handshake/cpace.ts';
import { MESSAGE_TYPE } from '#protocol/handshake/envelope.ts';
import { VERSIONS } from '#protocol/handshake/hello.ts';
import { lv, parseLv } from '#protocol/handshake/lv.ts';
import { eventually, FILES, HonestReceiver, HonestSender, SECRET_NAME } from './honest-peers.ts';
import { HostileServer, type Relay } from './hostile-server.ts';

let server: HostileServer;
let sender: HonestSender;
beforeEach(async () => {
  server = await HostileServer.start();
  sender = await HonestSender.start(server.url);
});
afterEach(async () => {
  await sender.sharing.close();
  await server.close();
});

type Type = keyof typeof MESSAGE_TYPE;
const typeOf = ({ payload }: Relay): Type =>
  (Object.keys(MESSAGE_TYPE) as Type[]).find((type) => MESSAGE_TYPE[type] === payload[0]) ?? 'refuse';
const HEADER_BYTES = 17;
const withBody = (message: Uint8Array, body: Uint8Array) =>
  Buffer.concat([message.subarray(0, HEADER_BYTES), body]);
const withType = (message: Uint8Array, type: Type) =>
  Buffer.concat([Uint8Array.of(MESSAGE_TYPE[type]), message.subarray(1)]);
const flipped = (message: Uint8Array, index: number) => {
  const copy = Uint8Array.from(message);
  const at = index < 0 ? copy.length + index : index;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};
/** Message 1 or 2 with another share or other associated data. */
function withHalf(
  message: Uint8Array,
  change: (share: Uint8Array, ad: Uint8Array) => [Uint8Array, Uint8Array],
): Uint8Array {
  const [share, ad] = parseLv(message.subarray(HEADER_BYTES), ['share', 'ad']);
  return withBody(message, lv(...change(share, ad)));
}
/** An element of the group that the server knows the logarithm of. */
const ownShare = (message: Uint8Array) =>
  cpaceShare(
    { prs: randomBytes(8), ci: randomBytes(8), sid: message.subarray(1, HEADER_BYTES) },
    randomBytes(32),
  ).share;
/** A version that nobody speaks. */
const OTHER = 200;
const ad = (role: string, ...versions: number[]) => lv(role, Uint8Array.from(versions), '');

/** What a receiver finds of it, by link and by code. Null: nothing, the transfer goes on. */
type Found = Readonly<Record<'link' | 'code', TransferErrorCode | 'done'>>;
const KEYS_DIFFER: Found = { link: 'tampered', code: 'wrong-code' };
const both = (code: TransferErrorCode | 'done'): Found => ({ link: code, code });

/** What the server makes of the messages of one type. */
const change =
  (type: Type, make: (message: Uint8Array) => Uint8Array) =>
  (relay: Relay, pass: (payload?: Uint8Array) => void) =>
    pass(typeOf(relay) === type ? make(relay.payload) : relay.payload);

const IDENTITY = new Uint8Array(32);

const TAMPERINGS: [string, Found, () => HostileServer['onRelay']][] = [
  [
    'puts its own share into the hello',
    KEYS_DIFFER,
    () => change('hello', (message) => withHalf(message, (_, its) => [ownShare(message), its])),
  ],
  [
    'puts its own share into the reply',
    KEYS_DIFFER,
    () => change('reply', (message) => withHalf(message, (_, its) => [ownShare(message), its])),
  ],
  [
    'puts the identity into the hello',
    KEYS_DIFFER,
    () => change('hello', (message) => withHalf(message, (_, its) => [IDENTITY, its])),
  ],
  [
    'puts the identity into the reply',
    both('protocol-violation'),
    () => change('reply', (message) => withHalf(message, (_, its) => [IDENTITY, its])),
  ],
  [
    'takes our version out of the hello',
    both('version-mismatch'),
    () => change('hello', (message) => withHalf(message, (share) => [share, ad('R', OTHER)])),
  ],
  [
    'takes our version out of the reply',
    both('version-mismatch'),
    () => change('reply', (message) => withHalf(message, (share) => [share, ad('S', OTHER)])),
  ],
  [
    'adds a version to the hello',
    KEYS_DIFFER,
    () => change('hello', (message) => withHalf(message, (share) => [share, ad('R', ...VERSIONS, OTHER)])),
  ],
  [
    'adds a version to the reply',
    KEYS_DIFFER,
    () => change('reply', (message) => withHalf(message, (share) => [share, ad('S', ...VERSIONS, OTHER)])),
  ],
  [
    'adds capabilities to the hello',
    KEYS_DIFFER,
    () =>
      change('hello', (message) =>
        withHalf(message, (share) => [share, lv('R', Uint8Array.from(VERSIONS), 'x')]),
      ),
  ],
  [
    'cuts the reply short',
    both('protocol-violation'),
    () => change('reply', (message) => message.subarray(0, -1)),
  ],
  [
    'changes the confirmation',
    KEYS_DIFFER,
    () => change('confirm', (message) => flipped(message, HEADER_BYTES + 1)),
  ],
  ['changes the sealed offer', KEYS_DIFFER, () => change('confirm', (message) => flipped(message, -1))],
  [
    'changes the acceptance',
    KEYS_DIFFER,
    () => change('accept', (message) => flipped(message, HEADER_BYTES + 1)),
  ],
  ['changes the sealed answer', both('tampered'), () => change('accept', (message) => flipped(message, -1))],
  [
    'answers the hello with itself',
    both('tampered'),
    () => change('reply', () => withType(helloOf(), 'reply')),
  ],
  [
    'answers the confirmation with itself',
    KEYS_DIFFER,
    () => change('accept', () => withType(relayedOf('confirm'), 'accept')),
  ],
  [
    'answers the confirmation with what came before',
    both('protocol-violation'),
    () => change('accept', () => relayedOf('reply')),
  ],
  [
    'refuses in the sender’s name: version',
    both('version-mismatch'),
    () => change('reply', (message) => withBody(withType(message, 'refuse'), Uint8Array.of(1))),
  ],
  [
    'refuses in the sender’s name: busy',
    { link: 'room-full', code: 'code-used' },
    () => change('reply', (message) => withBody(withType(message, 'refuse'), Uint8Array.of(2))),
  ],
  [
    'refuses in the sender’s name: used',
    both('code-used'),
    () => change('accept', (message) => withBody(withType(message, 'refuse'), Uint8Array.of(3))),
  ],
  [
    'refuses for no reason',
    both('protocol-violation'),
    () => change('reply', (message) => withBody(withType(message, 'refuse'), Uint8Array.of(9))),
  ],
  [
    'says the reply twice',
    both('protocol-violation'),
    () => (relay, pass) => {
      pass();
      if (typeOf(relay) === 'reply') pass();
    },
  ],
  [
    'holds the acceptance back until the next message',
    both('done'),
    () => {
      let held: Relay | null = null;
      return (relay, pass) => {
        if (typeOf(relay) === 'accept') held = relay;
        else pass();
        if (held && relay !== held && relay.from === held.from)
          server.inject(held.from, held.to, held.payload);
      };
    },
  ],
  [
    'says every hello twice',
    both('done'),
    () => (relay, pass) => {
      pass();
      if (typeOf(relay) === 'hello') pass();
    },
  ],
  [
    'says twice what is sealed, changed the first time',
    both('done'),
    () => (relay, pass) => {
      if (typeOf(relay) === 'sealed') pass(flipped(relay.payload, -1));
      pass();
      if (typeOf(relay) === 'sealed') pass();
    },
  ],
  [
    'sends back to each side what it sealed',
    both('done'),
    () => (relay, pass) => {
      pass();
      if (typeOf(relay) === 'sealed' || typeOf(relay) === 'accept')
        server.inject(relay.to, relay.from, relay.payload);
    },
  ],
  [
    'sends the confirmation back besides',
    both('protocol-violation'),
    () => (relay, pass) => {
      if (typeOf(relay) === 'confirm') server.inject(relay.to, relay.from, relay.payload);
      pass();
    },
  ],
];

const sentOf = (type: Type): Relay => {
  const relay = server.relayed.find((each) => typeOf(each) === type);
  if (!relay) throw new Error(`no ${type} was relayed`);
  return relay;
};
const relayedOf = (type: Type) => sentOf(type).payload;
const helloOf = () => relayedOf('hello');

/** What a server could read of what it carried: nothing that says what, from where, or to where. */
function expectNothingReadable(): void {
  const everything = Buffer.concat(server.relayed.map(({ payload }) => payload)).toString('latin1');
  for (const secret of [SECRET_NAME, 'folder', 'fingerprint', 'candidate', '127.0.0.1', 'ice-ufrag', 'sdp'])
    expect(everything).not.toContain(secret);
}

describe.each(['link', 'code'] as const)('by %s, a server that', (by) => {
  test.each(TAMPERINGS)('%s', async (_, found, tampering) => {
    server.onRelay = tampering();
    const receiver = new HonestReceiver(server.url, sender.target(by));
    expect(await receiver.outcome()).toBe(found[by]);
    expectNothingReadable();
    if (found[by] === 'done') {
      expect(receiver.hasSaved(FILES)).toBe(true);
      await eventually(() => expect(sender.outcomes).toEqual(['done']));
      return;
    }
    // Nobody saw an offer, and nothing was begun.
    expect(receiver.sink.calls).toEqual([]);
    expect(receiver.statuses.some(({ state }) => state === 'transferring')).toBe(false);
    expect(sender.states.has('transferring') || sender.states.has('waiting')).toBe(false);
  });
});
