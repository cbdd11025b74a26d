import { randomBytes } from 'node:crypto';
import { base64urlnopad } from '@scure/base';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { MESSAGE_TYPE } from '#protocol/handshake/envelope.ts';
import type { OwnerKey } from '#protocol/handshake/owner-key.ts';
import { ReceiverHandshake } from '#protocol/handshake/receiver-handshake.ts';
import type { SealedPayload } from '#protocol/handshake/sealed-payload.ts';
import type { Secret } from '#protocol/handshake/secret.ts';
import type { SecureSession } from '#protocol/handshake/secure-session.ts';
import { SenderHandshake } from '#protocol/handshake/sender-handshake.ts';
import { LaneNegotiation, type NegotiationPayload } from '#transport/lane-negotiation.ts';
import type { Platform } from '#transport/platform.ts';
import { SignalingClient } from '#transport/signaling-client.ts';
import { RawPeer } from '#transport/testing/raw-peer.ts';

/** Peers that do everything right until their lane stands, over a real server and a real connection. */

export interface Rogue {
  /** Its end of the lane: nothing has been said on it, not even a proof. */
  readonly peer: Promise<RawPeer>;
  leave(): void;
}

/** Comes to a share as a receiver who knows its secret. @param describe makes of its description what is offered */
export function rogueReceiver(
  serverUrl: string,
  secret: Secret,
  {
    describe = (sdp) => sdp,
    platform = nodePlatform(),
  }: { describe?: (sdp: string) => string; platform?: Platform } = {},
): Rogue {
  const client = SignalingClient.connect(serverUrl, { randomBytes });
  const handshake = new ReceiverHandshake(secret, { sid: randomBytes(16), scalar: randomBytes(32) });
  const said: SealedPayload[] = [{ type: 'delivery', id: base64urlnopad.encode(randomBytes(16)) }];
  let send: (payload: SealedPayload) => void = (payload) => said.push(payload);
  const negotiating = LaneNegotiation.offer('0', {
    platform,
    iceServers: [],
    say: (payload) => send(payload.type === 'offer' ? { ...payload, sdp: describe(payload.sdp) } : payload),
  });

  const peer = (async () => {
    let session: SecureSession | null = null;
    const negotiation = await negotiating;
    const room = await client.joinAsReceiver(secret.roomName, {
      onMember: (member) => void room.relay(member, handshake.hello).catch(() => {}),
      onMemberLeft: () => {},
      onClosed: () => {},
      onRelay: (from, message) => {
        const relay = (next: Uint8Array<ArrayBuffer>) => void room.relay(from, next).catch(() => {});
        const hear = (payloads: readonly { type: string }[]) => {
          for (const payload of payloads)
            if (payload.type !== 'bye') void negotiation.hear(payload as NegotiationPayload);
        };
        if (session) {
          hear(session.open(message));
          return;
        }
        const step = message[0] === MESSAGE_TYPE.sealed ? null : handshake.onMessage(message);
        if (step?.type === 'keyed') relay(handshake.confirm(said.splice(0)));
        if (step?.type !== 'session') return;
        session = step.session;
        const { session: secure } = step;
        send = (payload) => relay(secure.seal([payload]));
        for (const payload of said.splice(0)) send(payload);
        hear(step.payloads);
      },
    });
    const connected = await negotiation.connected;
    if (!session) throw new Error('a lane without a session');
    return new RawPeer(connected, session);
  })();
  peer.catch(() => {});
  return { peer, leave: () => client.close() };
}

/** Answers at a room as a sender who knows its secret and has the owner's key; meets one receiver. */
export function rogueSender(serverUrl: string, secret: Secret, owner: OwnerKey): Rogue {
  const client = SignalingClient.connect(serverUrl, { randomBytes });
  const peer = new Promise<RawPeer>((resolve, reject) => {
    let handshake: SenderHandshake | null = null;
    let session: SecureSession | null = null;
    let negotiation: LaneNegotiation | null = null;
    const answer = async (message: Uint8Array, relay: (next: Uint8Array<ArrayBuffer>) => void) => {
      if (message[0] === MESSAGE_TYPE.hello) {
        handshake = new SenderHandshake(secret, owner, message, randomBytes(32));
        relay(handshake.reply);
      } else if (message[0] === MESSAGE_TYPE.confirm && handshake) {
        const offer = handshake.onConfirm(message).find(({ type }) => type === 'offer');
        if (offer?.type !== 'offer') throw new Error('nothing offered');
        const said: NegotiationPayload[] = [];
        let send: (payload: NegotiationPayload) => void = (payload) => said.push(payload);
        negotiation = await LaneNegotiation.answer(offer, {
          platform: nodePlatform(),
          iceServers: [],
          say: (payload) => send(payload),
        });
        const accepted = handshake.accept(said.splice(0));
        session = accepted.session;
        relay(accepted.message);
        send = (payload) => relay(accepted.session.seal([payload]));
        resolve(negotiation.connected.then((connected) => new RawPeer(connected, accepted.session)));
      } else if (session) {
        for (const payload of session.open(message)) if ('lane' in payload) await negotiation?.hear(payload);
      }
    };
    const joining = client.joinAsSender(secret.roomName, {
      onMember: () => {},
      onMemberLeft: () => {},
      onClosed: () => {},
      onRelay: (from, message) => {
        const relay = (next: Uint8Array<ArrayBuffer>) =>
          void joining.then((room) => room.relay(from, next)).catch(() => {});
        answer(message, relay).catch(reject);
      },
    });
    joining.catch(reject);
  });
  peer.catch(() => {});
  return { peer, leave: () => client.close() };
}
