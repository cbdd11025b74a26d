import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BLOCK_BYTES } from '#protocol/limits.ts';
import { openDistantPeers } from '../harness/distant-peers.ts';
import { digestFile, makeFile } from '../harness/files.ts';
import { mountDisk } from './disks.ts';
import type { Fault, Pairing, Scene } from './fault.ts';
import { FULL_RATE, homes, LAST_RATE, SLOW_RATE } from './homes.ts';
import { FLOW_BYTES, FLOW_PATIENCE_MS, PART_TIMEOUT_MS } from './limits.ts';
import { receiverAt, senderAt } from './person.ts';

/** When a fault happens: after the first block, at half, and when all blocks but the last two are verified. */
export const MOMENTS = ['early', 'middle', 'last'] as const;
export type Moment = (typeof MOMENTS)[number];

export interface Cell {
  readonly fault: Fault;
  readonly pairing: Pairing;
  readonly moment: Moment;
}

/** Frames of neighbouring blocks travel on several lanes, so that the last two may end at once: neither is there then. */
const LAST_BLOCKS = 2;

/** What became of a transfer that has arrived. */
export interface Outcome {
  /** Null where both programs were ended, and each took its count along. */
  readonly sentTwiceBytes: number | null;
  readonly secondsToFlow: number;
}

/**
 * Sends a file, lets the fault happen at its moment, and waits until the file has arrived.
 * @param fileBytes 25 blocks, or 50: the hundredth parts that pages show must hit the bounds of blocks
 * @param folder an empty one
 * @throws when it does not arrive, whole and once
 */
export async function runCell(
  { fault, pairing, moment }: Cell,
  fileBytes: number,
  folder: string,
): Promise<Outcome> {
  const path = await makeFile(join(folder, 'from', 'film.bin'), fileBytes);
  const receiverFolder = join(folder, 'got');
  const senderFolder = join(folder, 'sender');
  await Promise.all([mkdir(receiverFolder), mkdir(senderFolder)]);
  await using _disk = fault.disk && (await mountDisk(fault.disk, receiverFolder));
  await using peers = await openDistantPeers(fault.network ?? homes({ home: 'port', office: 'port' }));
  const place = { peers, fileBytes, hasKeys: fault.needsKeys ?? false };
  const sender = senderAt(pairing.sender, { ...place, host: 'alice', folder: senderFolder }, path);
  const receiver = receiverAt(
    pairing.receiver,
    { ...place, host: 'bob', folder: receiverFolder },
    basename(path),
  );
  const scene: Scene = { peers, pairing, sender, receiver, path, fileBytes, receiverFolder };

  try {
    return await deliver(scene, fault, moment);
  } catch (error) {
    const accounts = [`sender: ${await sender.account()}`, `receiver: ${await receiver.account()}`];
    throw new Error([String(error), ...accounts].join('\n\n'), { cause: error });
  }
}

async function deliver(scene: Scene, fault: Fault, moment: Moment): Promise<Outcome> {
  const { peers, sender, receiver, path, fileBytes } = scene;
  await receiver.take(await sender.share());
  await reach(moment, scene, fault.lastBlocks ?? LAST_BLOCKS);
  if (await receiver.hasFinalName()) throw new Error('It had its final name before it was whole.');
  const livesBefore = receiver.lives;
  await fault.strike(scene);
  await peers.lab.cable('home').change(FULL_RATE);
  const secondsToFlow = await measureFlow(scene, receiver.lives > livesBefore);

  const arrived = await receiver.finish(PART_TIMEOUT_MS);
  await sender.finish(PART_TIMEOUT_MS);
  const [got, sent] = [await digestFile(arrived), await digestFile(path)];
  if (got !== sent) throw new Error(`SHA-256 ${got} arrived, and ${sent} was sent.`);
  await fault.verify?.(scene);
  const survivor = [receiver, sender].find(({ lives }) => lives === 1);
  const wireBytes = (await survivor?.figures())?.wireBytes;
  return { sentTwiceBytes: wireBytes === undefined ? null : wireBytes - fileBytes, secondsToFlow };
}

async function reach(
  moment: Moment,
  { receiver, peers, fileBytes }: Scene,
  lastBlocks: number,
): Promise<void> {
  const until = (bytes: number) => receiver.until('bytes', bytes, PART_TIMEOUT_MS);
  if (moment === 'early') return until(BLOCK_BYTES);
  if (moment === 'middle') return until(fileBytes / 2);
  // Time for what is in flight to shrink with the rate, so that the last blocks leave alone.
  await until(fileBytes - 8 * BLOCK_BYTES);
  await peers.lab.cable('home').change(SLOW_RATE);
  await until(fileBytes - (lastBlocks + 1) * BLOCK_BYTES);
  await peers.lab.cable('home').change(LAST_RATE);
  await until(fileBytes - lastBlocks * BLOCK_BYTES);
}

/**
 * From now to data that cannot have been on its way when the fault happened, by the receiver's own account; no time where
 * all of it was there before.
 */
async function measureFlow({ receiver, fileBytes }: Scene, isAnew: boolean): Promise<number> {
  const sinceMs = performance.now();
  const wireBytes = isAnew ? 0 : (await receiver.figures()).wireBytes;
  if (wireBytes >= fileBytes) return 0;
  await receiver.until('wireBytes', Math.min(wireBytes + FLOW_BYTES, fileBytes), FLOW_PATIENCE_MS);
  return (performance.now() - sinceMs) / 1000;
}
