import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Scene } from './fault.ts';
import { MAX_SENT_TWICE_BYTES } from './limits.ts';

const PAUSE_MS = 4_000;
/** A pause holds up what has not left yet: of the very last block, over several lanes, that may be nothing. */
const LAST_BLOCKS = 3;

/** One holds the transfer up, the other is told; nothing but what was asked for before comes meanwhile. */
async function pauseFor(
  { receiver }: Scene,
  one: Scene['sender' | 'receiver'],
  other: Scene['sender' | 'receiver'],
) {
  await one.togglePause();
  await other.seesPause(true);
  const { wireBytes } = await receiver.figures();
  await sleep(PAUSE_MS);
  const came = (await receiver.figures()).wireBytes - wireBytes;
  if (came > MAX_SENT_TWICE_BYTES / 2) throw new Error(`${came} bytes came while it was paused.`);
  await one.togglePause();
  await other.seesPause(false);
}

export const PAUSE_FAULTS: readonly Fault[] = [
  {
    name: 'receiver-pauses',
    sentence: 'The receiver pauses for 4 seconds.',
    needsKeys: true,
    lastBlocks: LAST_BLOCKS,
    strike: (scene) => pauseFor(scene, scene.receiver, scene.sender),
  },
  {
    name: 'sender-pauses',
    sentence: 'The sender pauses for 4 seconds.',
    needsKeys: true,
    lastBlocks: LAST_BLOCKS,
    strike: (scene) => pauseFor(scene, scene.sender, scene.receiver),
  },
];
