import { within } from '../bounded.ts';

/** One bare data channel between two ends, pumped as fast as it goes: no files, no hashes, no protocol. */

export type Role = 'send' | 'receive';

/** What a bare channel moves: so many bytes, or as many as it can in that time if they do not come to an end before. */
export interface Load {
  readonly bytes: number;
  readonly seconds: number;
}

/** Measured at the receiving end, from the first message on. */
export type Moved = Load;

/** One end. Descriptions travel whole, with all candidates. */
export interface BareEnd extends AsyncDisposable {
  /** Of the sending end. It sends as soon as its channel opens. */
  offer(load: Load): Promise<string>;
  /** Of the receiving end. */
  answer(offer: string, load: Load): Promise<string>;
  accept(answer: string): Promise<void>;
  moved(): Promise<Moved>;
}

const CONNECT_TIMEOUT_MS = 60_000;

/** @param onConnecting called when all is ready, right before the two meet */
export async function moveBare(
  sender: BareEnd,
  receiver: BareEnd,
  load: Load,
  onConnecting: () => void = () => {},
): Promise<Moved> {
  const offer = await within('a bare offer', CONNECT_TIMEOUT_MS, sender.offer(load));
  const answer = await within('a bare answer', CONNECT_TIMEOUT_MS, receiver.answer(offer, load));
  onConnecting();
  await within('a bare connection', CONNECT_TIMEOUT_MS, sender.accept(answer));
  return within('a bare channel', CONNECT_TIMEOUT_MS + 2 * load.seconds * 1000, receiver.moved());
}
