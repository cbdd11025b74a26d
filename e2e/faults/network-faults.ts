import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import { homes } from './homes.ts';

const REBOOT_MS = 4_000;

export const NETWORK_FAULTS: readonly Fault[] = [
  {
    name: 'receiver-cable',
    sentence: "The receiver's cable is out for 6 seconds.",
    strike: async ({ peers: { lab } }) => {
      await lab.cable('bob').pull();
      await sleep(6_000);
      await lab.cable('bob').plug();
    },
  },
  {
    name: 'sender-cable',
    sentence: "The sender's cable is out for 20 seconds.",
    strike: async ({ peers: { lab } }) => {
      await lab.cable('alice').pull();
      await sleep(20_000);
      await lab.cable('alice').plug();
    },
  },
  {
    name: 'receiver-nat-reboot',
    sentence: "The receiver's router is rebooted.",
    strike: ({ peers: { lab } }) => lab.router('office').reboot({ downMs: REBOOT_MS }),
  },
  {
    name: 'sender-nat-reboot',
    sentence: "The sender's router is rebooted.",
    strike: ({ peers: { lab } }) => lab.router('home').reboot({ downMs: REBOOT_MS }),
  },
  {
    name: 'symmetric-nat-flush',
    sentence: "The sender's router, a symmetric one that counts its ports up, forgets its mappings.",
    network: homes({ home: 'symseq', office: 'fullcone' }),
    strike: ({ peers: { lab } }) => lab.router('home').flush(),
  },
  {
    name: 'both-nats-flush',
    sentence: 'Both routers forget their mappings.',
    strike: async ({ peers: { lab } }) => {
      await Promise.all([lab.router('home').flush(), lab.router('office').flush()]);
    },
  },
  {
    name: 'new-address',
    sentence: 'The sender gets another address, as after a dial-in.',
    strike: async ({ peers: { lab } }) => void (await lab.router('home').renumber()),
  },
];
