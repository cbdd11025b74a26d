import { randomInt } from 'node:crypto';
import { soak } from './faults/soak.ts';
import { requireNamespaces } from './harness/distant-peers.ts';
import { test } from './harness/fixtures.ts';

/** For one fault with all that it takes until data flows again: the longest one lasts 20 s. */
const FAULT_MAX_MS = 75_000;
/** The link moves 5 MB a second; two busy cores may make it a fifth of that. */
const BYTES_PER_MS = 1_000;
const BASE_MS = 120_000;

const asked = process.env['SALLYPORT_SOAK'];

interface Asked {
  readonly seed?: number;
  readonly faults: number;
  readonly sizeBytes: number;
  readonly pair: 'cli-cli' | 'browser-browser';
}

test.beforeAll(requireNamespaces);

if (asked !== undefined) {
  const { seed = randomInt(2 ** 31), faults, sizeBytes, pair }: Asked = JSON.parse(asked);
  const program = pair === 'cli-cli' ? 'cli' : 'browser';
  test(`${faults} faults by a seed happen to one transfer, ${pair}`, async ({ folder }) => {
    test.setTimeout(BASE_MS + faults * FAULT_MAX_MS + sizeBytes / BYTES_PER_MS);
    const say = (line: string) => void process.stdout.write(`${line}\n`);
    say(`The seed is ${seed}.`);
    await soak({ seed, faults, sizeBytes, pairing: { sender: program, receiver: program }, folder, say });
  });
}
