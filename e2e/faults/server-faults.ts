import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

export const SERVER_FAULTS: readonly Fault[] = [
  {
    name: 'server-restart',
    sentence: 'The server is stopped and comes back 3 seconds later, knowing nothing.',
    strike: async ({ peers }) => {
      await peers.server.stop();
      await sleep(3_000);
      await peers.serveAgain();
    },
  },
  {
    name: 'server-and-route',
    sentence: 'The server is killed and the route lost in the same moment; the server comes back last.',
    strike: async ({ peers }) => {
      await Promise.all([peers.server.kill(), peers.lab.cable('bob').pull()]);
      await sleep(12_000);
      await peers.lab.cable('bob').plug();
      await peers.serveAgain();
    },
  },
];
