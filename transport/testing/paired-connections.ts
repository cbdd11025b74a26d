import { LaneNegotiation, type NegotiationPayload, type UnprovenLane } from '../lane-negotiation.ts';
import type { Platform } from '../platform.ts';

/** Decides what becomes of a payload on its way: what is returned arrives in its place. */
export type OnTheWay = (payload: NegotiationPayload) => readonly NegotiationPayload[];

/** Negotiates one lane between two platforms; what each side says goes straight to the other. */
export async function negotiatePair(
  platforms: { readonly receiver: Platform; readonly sender: Platform },
  onTheWay: OnTheWay = (payload) => [payload],
): Promise<{ readonly receiver: LaneNegotiation; readonly sender: Promise<LaneNegotiation> }> {
  let settle: (answering: Promise<LaneNegotiation>) => void = () => {};
  const sender = new Promise<LaneNegotiation>((resolve) => {
    settle = resolve;
  });
  sender.catch(() => {});
  let toSender = Promise.resolve();
  let toReceiver = Promise.resolve();
  const receiver = LaneNegotiation.offer('0', {
    platform: platforms.receiver,
    iceServers: [],
    say: (payload) => {
      for (const arrived of onTheWay(payload)) {
        if (arrived.type === 'offer') {
          const say = (answer: NegotiationPayload) => {
            for (const back of onTheWay(answer)) {
              toReceiver = toReceiver.then(async () => (await receiver).hear(back));
            }
          };
          settle(LaneNegotiation.answer(arrived, { platform: platforms.sender, iceServers: [], say }));
        } else toSender = toSender.then(async () => (await sender).hear(arrived)).catch(() => {});
      }
    },
  });
  return { receiver: await receiver, sender };
}

/** A lane that stands between two connections of the same platform. */
export async function connectPair(
  platform: Platform,
): Promise<{ readonly receiver: UnprovenLane; readonly sender: UnprovenLane }> {
  const { receiver, sender } = await negotiatePair({ receiver: platform, sender: platform });
  return { receiver: await receiver.connected, sender: await (await sender).connected };
}
