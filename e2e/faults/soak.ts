import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openDistantPeers } from '../harness/distant-peers.ts';
import { digestFile, makeFile } from '../harness/files.ts';
import { FAULTS } from './catalogue.ts';
import type { Fault, Pairing, Scene } from './fault.ts';
import { homes } from './homes.ts';
import { FLOW_PATIENCE_MS, PART_TIMEOUT_MS } from './limits.ts';
import { receiverAt, senderAt } from './person.ts';
import { SeededRandom } from './random.ts';

export interface SoakOptions {
  readonly seed: number;
  readonly faults: number;
  readonly sizeBytes: number;
  readonly pairing: Pairing;
  /** Empty at the start. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

/** After the last fault: what is left flows undisturbed. */
const FINISH_TIMEOUT_MS = 10 * 60_000;

/**
 * Lets faults by a seed happen to one transfer, the next one whenever a share of what is left has come, and holds
 * the digest at the end. @throws when it does not arrive whole
 */
export async function soak({ seed, faults, sizeBytes, pairing, folder, say }: SoakOptions): Promise<void> {
  const random = new SeededRandom(seed);
  const possible = FAULTS.filter((fault) => isPossible(fault, pairing));
  const path = await makeFile(join(folder, 'from', 'film.bin'), sizeBytes);
  const [receiverFolder, senderFolder] = [join(folder, 'got'), join(folder, 'sender')];
  await Promise.all([mkdir(receiverFolder), mkdir(senderFolder)]);
  await using peers = await openDistantPeers(homes({ home: 'port', office: 'port' }));
  const place = { peers, fileBytes: sizeBytes, hasKeys: false };
  const sender = senderAt(pairing.sender, { ...place, host: 'alice', folder: senderFolder }, path);
  const receiver = receiverAt(
    pairing.receiver,
    { ...place, host: 'bob', folder: receiverFolder },
    basename(path),
  );
  const scene: Scene = { peers, pairing, sender, receiver, path, fileBytes: sizeBytes, receiverFolder };
  await receiver.take(await sender.share());
  try {
    for (let number = 1; number <= faults; number++) {
      // A last part stays for the last fault: each one meets a transfer that runs.
      const share = Math.floor((sizeBytes * number) / (faults + 1));
      await receiver.until(
        'bytes',
        share - random.below(Math.ceil(sizeBytes / (faults + 1))),
        FLOW_PATIENCE_MS,
      );
      const fault = random.pick(possible);
      say(`${number} of ${faults}: ${fault.sentence}`);
      await fault.strike(scene);
    }
    const arrived = await receiver.finish(FINISH_TIMEOUT_MS);
    await sender.finish(PART_TIMEOUT_MS);
    const [got, sent] = [await digestFile(arrived), await digestFile(path)];
    if (got !== sent) throw new Error(`SHA-256 ${got} arrived, and ${sent} was sent.`);
  } catch (error) {
    const accounts = [`sender: ${await sender.account()}`, `receiver: ${await receiver.account()}`];
    throw new Error([`With seed ${seed}: ${error}`, ...accounts].join('\n\n'), { cause: error });
  }
}

/** A file that changes has no digest to hold at the end, and keys are for people. */
function isPossible(fault: Fault, pairing: Pairing): boolean {
  return (
    fault.network === undefined &&
    fault.disk === undefined &&
    fault.needsKeys !== true &&
    fault.verify === undefined &&
    fault.isImpossible?.(pairing) === undefined
  );
}
