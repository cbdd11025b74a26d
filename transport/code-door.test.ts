import { describe, expect, it, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { TransferError } from '#protocol/errors.ts';
import { codeSecret, parseCode } from '#protocol/handshake/code.ts';
import { OWNER, receiverOf } from '#protocol/handshake/paired-run.fixture.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import { type CodeChange, CodeDoor } from './code-door.ts';
import { ReceiverRun } from './receiver-run.ts';
import type { RoomHandlers, SlotRoom } from './room.ts';
import type { SignalingClient } from './signaling-client.ts';

/** A room as the door sees it, and what a test does to it. */
interface Slot {
  readonly number: number;
  readonly handlers: RoomHandlers;
  readonly relayed: Uint8Array[];
  left: boolean;
  toMember: (message: Uint8Array) => void;
}

/** Which delivery a receiver goes on with; any name will do. */
const DELIVERY = 'AAAAAAAAAAAAAAAAAAAAAA';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A door whose server gives slots while it has some. */
function openDoor(slotsLeft = Number.POSITIVE_INFINITY) {
  const slots: Slot[] = [];
  const codes: [string | null, CodeChange][] = [];
  const receivers: string[] = [];
  const openSlot = async (handlers: RoomHandlers): Promise<SlotRoom> => {
    await settled();
    if (slots.length >= slotsLeft) throw new TransferError('server-refused');
    const slot: Slot = {
      number: 100 + slots.length,
      handlers,
      relayed: [],
      left: false,
      toMember: () => {},
    };
    slots.push(slot);
    return {
      members: new Set(),
      slot: slot.number,
      lifetimeMs: 1000,
      relay: async (_to, message) => {
        await settled();
        if (slot.left) throw new TransferError('connection-lost');
        slot.relayed.push(message);
        slot.toMember(message);
      },
      dismiss: async () => {},
      leave: () => {
        slot.left = true;
      },
    };
  };
  const door = new CodeDoor({
    signaling: { openSlot } as unknown as SignalingClient,
    platform: nodePlatform(),
    owner: OWNER,
    iceServers: [],
    onCode: (code, change) => codes.push([code, change]),
    hasPlace: () => true,
    onReceiver: (run) => receivers.push(run.id),
  });
  return { door, slots, codes, receivers };
}

type Opened = ReturnType<typeof openDoor>;

const secretNow = ({ codes }: Opened): Secret => codeSecret(parseCode(codes.at(-1)?.[0] ?? ''));

/** Other words for the same slot. */
function wrong({ codes }: Opened): Secret {
  const code = parseCode(codes.at(-1)?.[0] ?? '');
  const [first, second, third] = code.words;
  return codeSecret({ ...code, words: [first, second, third === 'zoo' ? 'zero' : 'zoo'] });
}

let guesses = 0;

/** Somebody guesses in the newest slot. @returns what came back: a reply is 2, a refusal 0 */
async function guess(opened: Opened, words = wrong(opened)): Promise<(number | undefined)[]> {
  const slot = opened.slots.at(-1) as Slot;
  const member = `guess ${guesses++}`;
  const receiver = receiverOf(words, member);
  const before = slot.relayed.length;
  slot.toMember = (message) => {
    if (message[0] !== 2) return;
    receiver.onMessage(message);
    slot.handlers.onRelay(member, receiver.confirm([]));
  };
  slot.handlers.onRelay(member, receiver.hello);
  for (let i = 0; i < 8; i += 1) await settled();
  return slot.relayed.slice(before).map(([type]) => type);
}

describe('a door for people with a code', () => {
  it('shows a code for the slot that the server gave', async () => {
    const { door, codes, slots } = openDoor();
    await door.open('opened');
    expect(codes).toEqual([[expect.stringMatching(/^100(-[a-z]+){3}$/), 'opened']]);
    expect(slots[0]?.left).toBe(false);
    await door.close();
    expect(slots[0]?.left).toBe(true);
  });

  it('burns a code at the third wrong guess, tells who guessed, and shows another; three in all', async () => {
    const opened = openDoor();
    const { door, slots, codes } = opened;
    await door.open('opened');
    for (let code = 1; code <= 3; code += 1) {
      expect(codes).toHaveLength(code);
      for (let i = 0; i < 3; i += 1) expect(await guess(opened)).toEqual([2, 0]);
      await vi.waitFor(() => expect(slots[code - 1]?.left).toBe(true));
      await vi.waitFor(() => expect(codes).toHaveLength(code + 1));
    }
    expect(codes.map(([code, change]) => [code?.split('-')[0] ?? null, change])).toEqual([
      ['100', 'opened'],
      ['101', 'burnt'],
      ['102', 'burnt'],
      [null, 'burnt'],
    ]);
    expect(new Set(codes.map(([code]) => code?.replace(/^\d+/, ''))).size).toBe(4);
    expect(slots).toHaveLength(3);
  });

  it('burns a code also where nobody got as far as a guess', async () => {
    const opened = openDoor();
    await opened.door.open('opened');
    const [slot] = opened.slots;
    for (const member of ['a', 'b', 'c']) {
      slot?.handlers.onRelay(member, receiverOf(wrong(opened), member).hello);
      slot?.handlers.onMemberLeft(member);
      await settled();
    }
    await vi.waitFor(() => expect(opened.codes.at(-1)?.[1]).toBe('burnt'));
    expect(slot?.left).toBe(true);
    opened.door.close();
  });

  it('shows no code any more once one was used, and lets go of the slot when the two have met', async () => {
    const opened = openDoor();
    const { door, slots, codes, receivers } = opened;
    await door.open('opened');
    const slot = slots[0] as Slot;
    expect(await guess(opened)).toEqual([2, 0]);
    const run = new ReceiverRun(
      secretNow(opened),
      Promise.resolve(DELIVERY),
      nodePlatform(),
      Promise.resolve([]),
      (message) => slot.handlers.onRelay('friend', message),
    );
    // What would make the lane is held back until it has been looked whether the slot is.
    let letGo: () => void = () => {};
    const looked = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let heard = 0;
    slot.toMember = (message) => {
      heard += 1;
      if (heard === 1) void run.hear(message);
      else void looked.then(() => run.hear(message));
    };
    await vi.waitFor(() => expect(receivers).toHaveLength(1));
    expect(codes.slice(1)).toEqual([[null, 'used']]);
    await door.open('opened');
    expect(slot.left).toBe(false);
    letGo();
    const { connected } = await run.meeting;
    await vi.waitFor(() => expect(slot.left).toBe(true));
    connected.lane.close();
    expect(slots[1]?.left).toBe(false);
    expect(codes.at(-1)?.[0]).toMatch(/^101-/);
    await door.close();
  });

  it('shows another code when the slot’s time is over, and none where the server gives no slot', async () => {
    const { door, slots, codes } = openDoor(2);
    await door.open('opened');
    slots[0]?.handlers.onClosed('code-used');
    await vi.waitFor(() => expect(codes).toHaveLength(2));
    expect(codes[1]).toEqual([expect.stringMatching(/^101-/), 'expired']);
    slots[1]?.handlers.onClosed('code-used');
    await vi.waitFor(() => expect(codes).toHaveLength(3));
    expect(codes[2]).toEqual([null, 'expired']);
  });

  it.each(['room-taken', 'server-refused', 'protocol-violation'] as const)(
    'shows no code that leads nowhere: %s',
    async (reason) => {
      const { door, slots, codes } = openDoor();
      await door.open('opened');
      slots[0]?.handlers.onClosed(reason);
      expect(codes.slice(1)).toEqual([[null, 'expired']]);
      await door.close();
      expect(codes).toHaveLength(2);
    },
  );

  it('gives up the code before when it opens a new one, and is not troubled by its end', async () => {
    const { door, slots, codes } = openDoor();
    await door.open('opened');
    await door.open('opened');
    expect(slots.map(({ left }) => left)).toEqual([true, false]);
    slots[0]?.handlers.onClosed('code-used');
    for (let i = 0; i < 4; i += 1) await settled();
    expect(codes).toHaveLength(2);
    await door.close();
  });

  it('leaves the slot that it is given after it was closed', async () => {
    const { door, slots, codes } = openDoor();
    const opening = door.open('opened');
    await door.close();
    await opening;
    expect(slots[0]?.left).toBe(true);
    expect(codes).toEqual([]);
  });

  it('holds one slot, however many codes are asked for at once', async () => {
    const { door, slots } = openDoor();
    await Promise.all([door.open('opened'), door.open('opened'), door.open('opened')]);
    expect(slots.filter(({ left }) => !left)).toHaveLength(1);
    await door.close();
    expect(slots.filter(({ left }) => !left)).toHaveLength(0);
  });
});
