import { type ContractCase, check, checkBytes, sampleBytes } from './contract.ts';
import type { Lane } from './lane.ts';
import { HIGH_WATER_BYTES } from './limits.ts';

export interface LaneSetup {
  /** Two ends of a new lane that stands, neither of them attached. */
  pair(): Promise<readonly [Lane, Lane]>;
}

const FRAME_BYTES = 64 * 1024;
/** Far more than any lane lets gather: a lane that is not full by then never is. */
const TOO_MANY_FRAMES = 1024;

/** Sends until the lane asks to wait. @returns how many frames that took */
function fill(lane: Lane): number {
  const frame = sampleBytes(FRAME_BYTES, 7);
  let sent = 0;
  while (lane.bufferedBytes < HIGH_WATER_BYTES) {
    lane.send(frame);
    sent += 1;
    check(sent < TOO_MANY_FRAMES, 'nothing is ever buffered: a sender could not be slowed');
  }
  return sent;
}

/** Attaches to a lane and keeps what it tells. */
class Listener {
  readonly messages: Uint8Array<ArrayBuffer>[] = [];
  readonly closings: string[] = [];
  readonly #changed: (() => void)[] = [];

  constructor(lane: Lane) {
    lane.attach(
      (message) => {
        this.messages.push(message);
        this.#wake();
      },
      (reason) => {
        this.closings.push(reason);
        this.#wake();
      },
    );
  }

  async heard(count: number): Promise<void> {
    while (this.messages.length < count) await this.#change();
  }

  async closed(): Promise<void> {
    while (this.closings.length === 0) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

/** What every Lane promises. */
export const laneContract: readonly ContractCase<LaneSetup>[] = [
  {
    name: 'carries messages of every length, in order, both ways at once',
    run: async ({ pair }) => {
      const [near, far] = await pair();
      const lengths = [1, 33, FRAME_BYTES, near.maxMessageBytes, 5, far.maxMessageBytes - 1];
      const [nearEar, farEar] = [new Listener(near), new Listener(far)];
      lengths.forEach((length, i) => {
        near.send(sampleBytes(length, i));
        far.send(sampleBytes(length, 100 + i));
      });
      await Promise.all([nearEar.heard(lengths.length), farEar.heard(lengths.length)]);
      lengths.forEach((length, i) => {
        checkBytes(farEar.messages[i], sampleBytes(length, i), `message ${i} there`);
        checkBytes(nearEar.messages[i], sampleBytes(length, 100 + i), `message ${i} back`);
      });
      near.close();
    },
  },
  {
    name: 'hands over what came before it was attached, first',
    run: async ({ pair }) => {
      const [near, far] = await pair();
      const nearEar = new Listener(near);
      near.send(sampleBytes(10, 1));
      near.send(sampleBytes(10, 2));
      // Their answer shows that those two have arrived there.
      far.send(sampleBytes(1, 0));
      await nearEar.heard(1);
      const farEar = new Listener(far);
      near.send(sampleBytes(10, 3));
      await farEar.heard(3);
      for (const seed of [1, 2, 3])
        checkBytes(farEar.messages[seed - 1], sampleBytes(10, seed), `message ${seed}`);
      near.close();
    },
  },
  {
    name: 'gives each message whole where those before were given back',
    run: async ({ pair }) => {
      const [near, far] = await pair();
      const wrong: number[] = [];
      let heard = 0;
      const allHeard = new Promise<void>((resolve, reject) => {
        far.attach((message) => {
          const expected = sampleBytes(FRAME_BYTES, heard);
          if (message.length !== FRAME_BYTES || message.some((byte, i) => byte !== expected[i]))
            wrong.push(heard);
          heard += 1;
          far.recycle?.(message);
          if (heard === 8) resolve();
        }, reject);
      });
      for (let seed = 0; seed < 8; seed += 1) near.send(sampleBytes(FRAME_BYTES, seed));
      await allHeard;
      check(wrong.length === 0, `messages ${wrong} are not what was sent`);
      near.close();
    },
  },
  {
    name: 'gives messages that their receiver owns',
    run: async ({ pair }) => {
      const [near, far] = await pair();
      const farEar = new Listener(far);
      const message = sampleBytes(100, 1);
      near.send(message);
      near.send(message);
      await farEar.heard(1);
      farEar.messages[0]?.fill(0);
      await farEar.heard(2);
      checkBytes(farEar.messages[1], sampleBytes(100, 1), 'the second');
      checkBytes(message, sampleBytes(100, 1), 'the original');
      near.close();
    },
  },
  {
    name: 'becomes writable again, and has lost nothing then',
    run: async ({ pair }) => {
      const [near, far] = await pair();
      const farEar = new Listener(far);
      await near.writable();
      const sent = fill(near);
      await near.writable();
      check(near.bufferedBytes < HIGH_WATER_BYTES, 'called writable while above the high-water mark');
      await farEar.heard(sent);
      near.close();
    },
  },
  {
    name: 'tells both sides once that it has closed, and takes nothing more',
    run: async ({ pair }) => {
      const [near, far] = await pair();
      const [nearEar, farEar] = [new Listener(near), new Listener(far)];
      near.close();
      near.close();
      await Promise.all([nearEar.closed(), farEar.closed()]);
      far.close();
      for (const lane of [near, far]) {
        let threw = false;
        try {
          lane.send(sampleBytes(1, 1));
        } catch {
          threw = true;
        }
        check(threw, 'sent on a closed lane');
        await lane.writable();
      }
      check(nearEar.closings.length === 1, `told ${nearEar.closings.length} times here`);
      check(farEar.closings.length === 1, `told ${farEar.closings.length} times there`);
    },
  },
  {
    name: 'lets go of whoever waits to write when it closes',
    run: async ({ pair }) => {
      const [near, far] = await pair();
      fill(near);
      const waiting = near.writable();
      near.close();
      await waiting;
      await new Listener(far).closed();
    },
  },
  {
    name: 'tells whoever attaches too late that it has closed',
    run: async ({ pair }) => {
      const [near, far] = await pair();
      near.close();
      await new Listener(near).closed();
      await new Listener(far).closed();
    },
  },
];
