import fc from 'fast-check';
import type { ReceiverMessage, SenderMessage } from '../control-message.ts';
import type { Entry } from '../entry.ts';
import { MAX_LANE_ID_CHARS } from '../handshake/limits.ts';
import { LEAF_BYTES } from '../leaf-tree.ts';
import {
  BLOCK_BYTES,
  MAX_CREDIT_BYTES,
  MAX_ENTRIES,
  MAX_FILE_BYTES,
  MAX_LANES,
  MAX_LIST_ITEMS,
  MAX_PAGES_ASKED,
  MAX_RANGE_BLOCKS,
} from '../limits.ts';

/** How far the numbers of a message may go: all that the wire allows, or close around one small share. */
export interface Reach {
  readonly entries: number;
  readonly blocks: number;
  readonly bytes: number;
}

export const WHOLE_WIRE: Reach = {
  entries: MAX_ENTRIES,
  blocks: Math.ceil(MAX_FILE_BYTES / BLOCK_BYTES),
  bytes: MAX_FILE_BYTES,
};

/** Both ends of a range are where mistakes are. */
const upTo = (max: number, min = 0) => fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
const say = <const T extends string, F extends Record<string, unknown>>(
  type: T,
  fields: { [K in keyof F]: fc.Arbitrary<F[K]> },
) => fc.record({ type: fc.constant(type), ...fields }) as fc.Arbitrary<{ type: T } & F>;
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: MAX_LIST_ITEMS, size: '-1' });

const fileFailure = fc.constantFrom(
  'source-changed' as const,
  'source-unreadable' as const,
  'damaged' as const,
  'sink-failed' as const,
  'disk-full' as const,
  'unsafe-path' as const,
  'cancelled' as const,
);
const ending = fc.constantFrom(
  'complete' as const,
  'declined' as const,
  'cancelled' as const,
  'disk-full' as const,
  'sink-failed' as const,
  'source-unreadable' as const,
  'protocol-violation' as const,
  'internal' as const,
);
const route = fc.constantFrom('lan' as const, 'direct' as const, 'relayed' as const);

const path = fc.oneof(
  fc.constantFrom('a', 'a/b', 'é漢😀', '__proto__', '"\\"', '\u2028'),
  fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
);
const time = fc.integer({ min: -8.64e15, max: 8.64e15 });

const anyEntry = ({ bytes }: Reach): fc.Arbitrary<Entry> =>
  fc.oneof(
    fc.record(
      {
        kind: fc.constant('file' as const),
        path,
        sizeBytes: upTo(bytes),
        modifiedMs: time,
        executable: fc.constant(true as const),
      },
      { requiredKeys: ['kind', 'path', 'sizeBytes'] },
    ),
    fc.record(
      { kind: fc.constant('folder' as const), path, modifiedMs: time },
      { requiredKeys: ['kind', 'path'] },
    ),
  );

const anyId = ({ entries }: Reach) => upTo(entries - 1);
const anyRange = (reach: Reach) =>
  fc.tuple(anyId(reach), upTo(reach.blocks), upTo(Math.min(MAX_RANGE_BLOCKS, reach.blocks), 1));

const anyHash = fc.uint8Array({ minLength: LEAF_BYTES, maxLength: LEAF_BYTES });
const anyPause = (reach: Reach) =>
  fc.record(
    { type: fc.constant('pause' as const), paused: fc.boolean(), entry: anyId(reach) },
    { requiredKeys: ['type', 'paused'] },
  );

/** What makes a lane; the contents are for a connection to judge. */
const laneId = fc.oneof(
  fc.constantFrom('0', '1', '32', '__proto__', 'x'.repeat(MAX_LANE_ID_CHARS)),
  fc.nat({ max: 2000 }).map(String),
);
const sdp = fc.oneof(fc.constantFrom('', 'v=0\r\n'), fc.string({ maxLength: 40 }));
const anyLane = say('lane', {
  payload: fc.oneof(
    say('offer', { lane: laneId, sdp }),
    say('answer', { lane: laneId, sdp }),
    say('candidate', {
      lane: laneId,
      candidate: fc.string({ maxLength: 40 }),
      sdpMid: fc.option(fc.constantFrom('', '0')),
      sdpMLineIndex: fc.option(upTo(255)),
    }),
    say('end-of-candidates', { lane: laneId }),
  ),
});

/** Whatever a sender can say that a decoder accepts. */
export const anySenderMessage = (reach: Reach): fc.Arbitrary<SenderMessage> =>
  fc.oneof(
    say('manifest', {
      entries: upTo(reach.entries, 1),
      pages: upTo(reach.entries, 1),
      totalBytes: upTo(reach.bytes),
    }),
    say('page', {
      page: upTo(reach.entries),
      entries: fc.array(anyEntry(reach), { minLength: 1, maxLength: 20 }),
    }),
    say('roots', { roots: list(fc.tuple(anyId(reach), anyHash)) }),
    say('leaves', {
      entry: anyId(reach),
      first: upTo(reach.blocks),
      leaves: fc.array(anyHash, { minLength: 1, maxLength: MAX_LIST_ITEMS, size: '-1' }),
    }),
    say('lanes', { count: upTo(MAX_LANES, 1) }),
    say('failed', { entry: anyId(reach), code: fileFailure }),
    anyPause(reach),
    say('route', { route }),
    anyLane,
    say('bye', { code: ending }),
  ) as fc.Arbitrary<SenderMessage>;

/** Whatever a receiver can say that a decoder accepts. */
export const anyReceiverMessage = (reach: Reach): fc.Arbitrary<ReceiverMessage> =>
  fc.oneof(
    say('pages', { first: upTo(reach.entries), count: upTo(MAX_PAGES_ASKED, 1) }),
    say('choice', {
      files: upTo(reach.entries),
      totalBytes: upTo(reach.bytes),
      heldBytes: upTo(reach.bytes),
    }),
    say('credit', { bytes: upTo(MAX_CREDIT_BYTES, BLOCK_BYTES) }),
    say('request', { ranges: list(anyRange(reach)), roots: list(anyId(reach)) }),
    say('ack', { blocks: list(anyRange(reach)) }),
    say('compare', {
      entry: anyId(reach),
      first: upTo(reach.blocks),
      count: upTo(Math.min(MAX_LIST_ITEMS, reach.blocks), 1),
    }),
    say('complete', {}),
    say('failed', { entry: anyId(reach), code: fileFailure }),
    anyPause(reach),
    say('route', { route }),
    anyLane,
    say('bye', { code: ending }),
  ) as fc.Arbitrary<ReceiverMessage>;
