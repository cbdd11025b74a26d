import { setTimeout as sleep } from 'node:timers/promises';
import { BrowserReceiver, BrowserSender } from './browser-person.ts';
import type { Fault, Pairing } from './fault.ts';

/** Beyond the 9 seconds after which a lane is given up. */
const FREEZE_MS = 12_000;

const NO_TAB = 'A terminal has no tab.';
const needsBrowser =
  (who: keyof Pairing) =>
  (pairing: Pairing): string | undefined =>
    pairing[who] === 'browser' ? undefined : NO_TAB;

export const PROGRAM_FAULTS: readonly Fault[] = [
  {
    name: 'receiver-killed',
    sentence: "The receiver's program is killed (the whole browser, or `kill -9`) and started again.",
    strike: async ({ receiver }) => {
      await receiver.crash();
      await receiver.comeBack();
    },
  },
  {
    name: 'receiver-left',
    sentence: 'The receiver presses Ctrl-C or closes the tab, and opens the link again. The sender stays.',
    strike: async ({ receiver }) => {
      await receiver.leave();
      await receiver.comeBack();
    },
  },
  {
    name: 'receiver-reloads',
    sentence: 'The receiver reloads the page.',
    isImpossible: needsBrowser('receiver'),
    strike: async ({ receiver }) => {
      if (receiver instanceof BrowserReceiver) await receiver.reload();
    },
  },
  {
    name: 'receiver-tab-crash',
    sentence: "The receiver's tab crashes and is opened again.",
    isImpossible: needsBrowser('receiver'),
    strike: async ({ receiver }) => {
      if (!(receiver instanceof BrowserReceiver)) return;
      await receiver.crashTab();
      await receiver.comeBack();
    },
  },
  {
    name: 'sender-killed',
    sentence: "The sender's program is killed and started again with the same files.",
    strike: async ({ sender }) => {
      await sender.crash();
      await sender.comeBack();
    },
  },
  {
    name: 'sender-left',
    sentence:
      'The sender presses Ctrl-C or closes the tab, and offers the same files again. By Ctrl-C the receiver is told that it is over, and goes on by a click or the command.',
    strike: async ({ sender, receiver, pairing }) => {
      await sender.leave();
      const isTold = pairing.sender === 'cli' && (await receiver.seesEnd());
      await sender.comeBack();
      if (isTold) await receiver.comeBack();
    },
  },
  {
    name: 'sender-reloads',
    sentence: 'The sender reloads the page and chooses the same files again.',
    isImpossible: needsBrowser('sender'),
    strike: async ({ sender }) => {
      if (!(sender instanceof BrowserSender)) return;
      await sender.reload();
      await sender.comeBack();
    },
  },
  {
    name: 'receiver-stands-still',
    sentence: "The receiver's program stands still for 12 seconds, as in a laptop that sleeps.",
    strike: async ({ receiver }) => {
      await receiver.freeze();
      await sleep(FREEZE_MS);
      await receiver.thaw();
    },
  },
  {
    name: 'sender-stands-still',
    sentence: "The sender's program stands still for 12 seconds.",
    strike: async ({ sender }) => {
      await sender.freeze();
      await sleep(FREEZE_MS);
      await sender.thaw();
    },
  },
];
