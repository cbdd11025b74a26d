import { test } from 'vitest';
import { laneContract } from '../lane.contract.ts';
import { pairedLanes } from './memory-lane.ts';

test.each(laneContract)('a lane in memory $name', ({ run }) => run({ pair: async () => pairedLanes() }));
