import type { DistantPeers } from '../harness/distant-peers.ts';
import { BrowserReceiver, BrowserSender } from './browser-person.ts';
import { CliReceiver, CliSender } from './cli-person.ts';

/** What somebody uses at their end. */
export type Program = 'cli' | 'browser';

/** How far a transfer is, as one end of it knows. */
export interface Figures {
  /** Verified and on disk at the receiver. */
  readonly bytes: number;
  /** File data that crossed the network, since this person's program was started last. */
  readonly wireBytes: number;
}

/** Somebody at one end of a transfer, with a program that can end, hang, and be started again. */
export interface Person {
  /** How often their program was started. */
  readonly lives: number;
  figures(): Promise<Figures>;
  /** Waits until one of the figures is at least that. @throws when it ends before, or the time does */
  until(figure: keyof Figures, atLeast: number, timeoutMs: number): Promise<void>;
  /** Ends the program as a power cut does. */
  crash(): Promise<void>;
  /** Ends it as people do: Ctrl-C, or closing the tab. */
  leave(): Promise<void>;
  /**
   * Waits until the other one's end shows. @returns whether they were told of it: the last words of who has much to send
   * may come too late, and then a connection was lost, which comes back by itself
   */
  seesEnd(): Promise<boolean>;
  /** Starts it again, with the same link or the same files, until it is at it again. */
  comeBack(): Promise<void>;
  /** Lets the whole program stand still, until it is thawed. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Holds the transfer up, or lets it go on. */
  togglePause(): Promise<void>;
  /** Waits until this person is told that the other one holds it up, or no longer does. */
  seesPause(isPaused: boolean): Promise<void>;
  /** What they see, for whoever has to find out what went wrong. */
  account(): Promise<string>;
}

export interface Sender extends Person {
  /** Offers the file, and gives the link. */
  share(): Promise<string>;
  /** Waits for the end of the transfer, which must be good. */
  finish(timeoutMs: number): Promise<void>;
}

export interface Receiver extends Person {
  /** Opens the link and takes all. */
  take(link: string): Promise<void>;
  /** Waits until they are told that a file is another one than before. */
  seesChange(name: string): Promise<void>;
  /** Whether anything lies under the name that a whole file will have. */
  hasFinalName(): Promise<boolean>;
  /** Waits for the end, which must be good. @returns the path of what arrived */
  finish(timeoutMs: number): Promise<string>;
}

/** Where somebody is, and where they keep things. */
export interface Place {
  readonly peers: DistantPeers;
  readonly host: string;
  /** Theirs alone, empty at the start. */
  readonly folder: string;
  /** How large the file is that is sent. */
  readonly fileBytes: number;
  /** Whether they press keys: their commands run in a terminal. */
  readonly hasKeys: boolean;
}

export function senderAt(program: Program, place: Place, path: string): Sender {
  return program === 'cli' ? new CliSender(place, path) : new BrowserSender(place, path);
}

/** @param name the file's */
export function receiverAt(program: Program, place: Place, name: string): Receiver {
  return program === 'cli' ? new CliReceiver(place, name) : new BrowserReceiver(place);
}
