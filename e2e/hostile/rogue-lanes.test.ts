import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import type { TransferError } from '#protocol/errors.ts';
import { LINK, pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { otherRole, type Role } from '#protocol/handshake/role.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import { encodeControl, encodeFrame, encodePing, encodeProof } from '#protocol/lane-message.ts';
import { BLOCK_BYTES, FRAME_UNIT_BYTES, MAX_FRAME_PAYLOAD_BYTES } from '#protocol/limits.ts';
import type { Platform } from '#transport/platform.ts';
import { MemoryDisk, MemorySource } from '#transport/testing/memory-files.ts';
import { pairedLanes } from '#transport/testing/memory-lane.ts';
import { MemoryTransfer } from '#transport/testing/memory-transfer.ts';
import { connected, RawPeer } from '#transport/testing/raw-peer.ts';
import { WatchedSink } from '#transport/testing/watched-sink.ts';
import { type TlsLanePair, tlsLanePair } from './tls-lanes.ts';

/** Lanes that join a delivery under way over TLS, or fail it: whatever they do, no verified byte is lost or replaced. */

const ROLES = ['sender', 'receiver'] as const;
/** More than there is credit for at once. */
const BLOCKS = 24;
const CONTENT = randomBytes(BLOCKS * BLOCK_BYTES);
/** By then some blocks are on the disk and others, as many as there is credit for, on their way. */
const AT_WRITE = 6;

/** No lanes but those of a test: on a busy machine a sender may find that more would pay. */
const WITHOUT_CHANNELS: Platform = {
  ...nodePlatform(),
  createPeerConnection: () => {
    throw new Error('there are no data channels');
  },
};

interface UnderWay {
  readonly transfer: MemoryTransfer;
  readonly keys: { readonly sender: SecureSession; readonly receiver: SecureSession };
  readonly lanes: readonly TlsLanePair[];
  readonly disk: MemoryDisk;
}

let sessions = 0;

/**
 * Delivers the file in a session of its own over these lanes, and goes on with what the disk has.
 * @param inTheMiddle done while one of the writes waits for it
 * @returns how it ended, and how many blocks were written
 */
async function deliver(
  disk: MemoryDisk,
  inTheMiddle: (made: UnderWay) => void | Promise<void> = () => {},
  pacesBytesPerMs: readonly (number | undefined)[] = [undefined],
): Promise<{ outcome: string; writes: number }> {
  sessions += 1;
  const keys = pairedRun(LINK, `rogue lanes ${sessions}`);
  const lanes = await Promise.all(pacesBytesPerMs.map((pace) => tlsLanePair(keys, pace)));
  const source = new MemorySource([{ path: 'film', content: CONTENT }]);
  const transfer = new MemoryTransfer(WITHOUT_CHANNELS, keys, source);
  for (const role of ROLES) for (const lane of lanes) transfer[role].session.add(lane[role]);
  const sink = new WatchedSink(disk);
  let writes = 0;
  // What a test finds wrong there is no failure of the disk.
  let complaint: unknown;
  sink.before = async (call) => {
    if (call !== 'write') return;
    writes += 1;
    if (writes !== AT_WRITE) return;
    try {
      await inTheMiddle({ transfer, keys, lanes, disk });
    } catch (error) {
      complaint = error;
    }
  };
  const outcome = await transfer.fetch([0], sink).then(
    () => 'resolved',
    ({ code }: TransferError) => code,
  );
  if (complaint !== undefined) throw complaint;
  expect(sink.offences).toEqual([]);
  expect(sink.calls.at(-1)).toBe(outcome === 'resolved' ? 'finish' : 'suspend');
  return { outcome, writes };
}

function expectWhole(disk: MemoryDisk): void {
  expect([...disk.files.keys()]).toEqual(['film']);
  expect(digest(disk.files.get('film') ?? new Uint8Array(0))).toBe(digest(CONTENT));
}

/** A delivery that has ended too early keeps what was verified, and another session brings what is missing and no more. */
async function expectGoesOn(disk: MemoryDisk): Promise<void> {
  const [partial] = disk.partials.values();
  const held = partial?.leaves.size ?? 0;
  expect(held).toBeGreaterThan(0);
  expect(disk.files.size).toBe(0);
  expect(await deliver(disk)).toEqual({ outcome: 'resolved', writes: BLOCKS - held });
  expectWhole(disk);
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** One more lane of this side's session, with whoever holds these keys at its other end. */
function join({ transfer }: UnderWay, role: Role, keys: SecureSession, id = 'another'): RawPeer {
  const [near, far] = pairedLanes(id);
  const peer = new RawPeer(connected(far), keys);
  transfer[role].session.add(connected(near));
  return peer;
}

/** A block of other bytes, with the leaf that belongs to them. */
function sendForged(peer: RawPeer, index: number): void {
  const bytes = new Uint8Array(BLOCK_BYTES).fill(9);
  for (let start = 0; start < BLOCK_BYTES; start += MAX_FRAME_PAYLOAD_BYTES) {
    const piece = bytes.subarray(start, start + MAX_FRAME_PAYLOAD_BYTES);
    const isLast = start + piece.length === BLOCK_BYTES;
    const leaf = isLast ? Uint8Array.from(createHash('sha256').update(bytes).digest()) : null;
    peer.send(encodeFrame(0, index * BLOCK_BYTES + start, piece, leaf));
  }
}

/** What makes the most trouble for this side if it is listened to. */
function makeTrouble(peer: RawPeer, role: Role): void {
  if (role === 'receiver') for (let index = 0; index < BLOCKS; index += 1) sendForged(peer, index);
  else
    peer.send(encodeControl(0, new TextEncoder().encode(JSON.stringify({ type: 'bye', code: 'cancelled' }))));
}

describe('a lane that joins, at either side,', () => {
  test.each<[string, (made: UnderWay, role: Role) => RawPeer]>([
    [
      'with a wrong key',
      (made, role) => {
        const peer = join(made, role, made.keys[otherRole(role)]);
        peer.send(encodeProof(Uint8Array.from(randomBytes(32))));
        return peer;
      },
    ],
    [
      'from another session',
      (made, role) => {
        const peer = join(made, role, pairedRun(LINK, 'elsewhere')[otherRole(role)]);
        peer.prove();
        return peer;
      },
    ],
    ['without a proof', (made, role) => join(made, role, made.keys[otherRole(role)])],
    [
      'with the peer’s key and the id of a lane that stands',
      (made, role) => {
        const id = made.lanes[0]?.[role].lane.id;
        const peer = join(made, role, made.keys[otherRole(role)], id);
        peer.prove();
        return peer;
      },
    ],
  ])('%s is closed, and everything arrives', async (_, intrude) => {
    const disk = new MemoryDisk();
    const intruders: RawPeer[] = [];
    const { outcome, writes } = await deliver(disk, async (made) => {
      for (const role of ROLES) {
        const peer = intrude(made, role);
        makeTrouble(peer, role);
        await peer.closed();
        intruders.push(peer);
      }
    });
    expect([outcome, writes]).toEqual(['resolved', BLOCKS]);
    expectWhole(disk);
    // Of the session nothing was said to it.
    expect(intruders.flatMap(({ heard }) => heard).filter(({ kind }) => kind !== 'proof')).toEqual([]);
  });
});

describe.each(ROLES)(
  'a connection proven twice to the %s ends a delivery that another session goes on with',
  (role) => {
    test.each<[string, (made: UnderWay) => void | Promise<void>]>([
      [
        'over a data channel',
        async (made) => {
          const peer = join(made, role, made.keys[otherRole(role)]);
          peer.prove();
          await peer.until(() => peer.heard.some(({ kind }) => kind === 'ping'));
          peer.prove();
          makeTrouble(peer, role);
        },
      ],
      [
        'over TLS, which had its proofs before',
        ({ lanes }) => lanes[0]?.[otherRole(role)].lane.send(encodeProof(new Uint8Array(32))),
      ],
    ])('%s', async (_, proveTwice) => {
      const disk = new MemoryDisk();
      const { outcome } = await deliver(disk, async (made) => {
        await proveTwice(made);
        await made.transfer[role].session.closed;
      });
      expect(outcome).toBe('protocol-violation');
      await expectGoesOn(disk);
    });
  },
);

test('a lane that brings other bytes for blocks that are verified changes nothing', async () => {
  const disk = new MemoryDisk();
  const { outcome, writes } = await deliver(disk, async (made) => {
    const peer = join(made, 'receiver', made.keys.sender);
    peer.prove();
    await peer.until(() => peer.heard.some(({ kind }) => kind === 'ping'));
    const [partial] = disk.partials.values();
    const verified = [...(partial?.leaves.keys() ?? [])];
    expect(verified.length).toBeGreaterThan(0);
    for (const index of verified) sendForged(peer, index);
    peer.send(encodePing('ping', 1));
    await peer.until(() => peer.heard.some((message) => message.kind === 'pong' && message.token === 1));
  });
  expect([outcome, writes]).toEqual(['resolved', BLOCKS]);
  expectWhole(disk);
});

test('lanes of very unequal speed bring everything, and the slow one holds nothing up', async () => {
  const disk = new MemoryDisk();
  let slow: TlsLanePair | undefined;
  const middle = ({ lanes }: UnderWay): void => {
    slow = lanes[1];
  };
  // An even share would take it longer than a test may.
  const { outcome, writes } = await deliver(disk, middle, [undefined, 200]);
  expect([outcome, writes]).toEqual(['resolved', BLOCKS]);
  expectWhole(disk);
  expect(slow?.pacedBytes).toBeGreaterThan(FRAME_UNIT_BYTES);
});

test('lanes that die all at once take nothing with them that was verified', async () => {
  const disk = new MemoryDisk();
  const { outcome } = await deliver(
    disk,
    async ({ transfer, lanes }) => {
      expect(transfer.receiver.session.lanes).toHaveLength(4);
      for (const lane of lanes) lane.cut();
      await transfer.receiver.session.closed;
    },
    Array.from({ length: 4 }),
  );
  expect(outcome).toBe('connection-lost');
  await expectGoesOn(disk);
});
