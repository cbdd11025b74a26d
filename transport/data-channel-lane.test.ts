import { onTestFinished, test } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { laneContract } from './lane.contract.ts';
import type { Lane } from './lane.ts';
import { connectPair } from './testing/paired-connections.ts';

async function pair(): Promise<readonly [Lane, Lane]> {
  const { receiver, sender } = await connectPair(nodePlatform());
  onTestFinished(() => {
    receiver.lane.close();
    sender.lane.close();
  });
  return [receiver.lane, sender.lane];
}

test.each(laneContract)('a data channel $name', ({ run }) => run({ pair }));
