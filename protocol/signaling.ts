/**
 * The contract between a peer and the signaling server: what may be asked, what is answered, what is told.
 * Everything here crosses a border between parties that do not trust each other, so both sides parse with
 * these schemas. Payloads are sealed by the peers and opaque to the server.
 *
 * @see docs/signaling-protocol.md
 */
import { base64urlnopad } from '@scure/base';
import * as v from 'valibot';

/** Sent in the Socket.IO handshake; another number is refused with `version-mismatch`. */
export const SIGNALING_VERSION = 2;

/** Below the address of the page, without a leading slash, so that it may be served under any prefix. */
export const SOCKET_PATH = 'socket.io';
export const CONFIG_PATH = 'api/config';
export const KNOCK_PATH = 'api/knock';

/** One relayed payload. A sealed offer with many candidates is under 8 KiB; what is larger is no signaling. */
export const MAX_PAYLOAD_BYTES = 16 * 1024;

/** Receivers in one link room: each costs its sender a handshake, and its server a place. */
export const MAX_RECEIVERS = 100;

/** How fast one connection may relay: a client that keeps to it is never refused with `rate-limited`. */
export const RELAYS_PER_SECOND = 50;
export const RELAY_BURST = 200;

/** Messages of one handshake that may share a request. */
export const MAX_KNOCK_PAYLOADS = 4;

/** A code's number: three digits are easy to say; six are for a crowded server. */
export const MIN_SLOT = 100;
export const MAX_SLOT = 999_999;

/** 16 bytes in canonical base64url: the four low bits of the last character are zero. */
const TOKEN = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/** A link room is named by 16 bytes in base64url, a code room by its slot in decimal. The two never collide. */
export const RoomName = v.pipe(v.string(), v.regex(/^(?:[A-Za-z0-9_-]{21}[AQgw]|[1-9][0-9]{2,5})$/));
export type RoomName = v.InferOutput<typeof RoomName>;

const Token = v.pipe(v.string(), v.regex(TOKEN));

/** 16 secret bytes in base64url: who joins a room again with the same claim replaces the earlier connection. */
const Claim = Token;

/** Names one stay of one connection in one room; made by the server, never used again. */
const MemberId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{16}$/));

const Role = v.picklist(['sender', 'receiver']);
export type Role = v.InferOutput<typeof Role>;

/** Accepts what Socket.IO yields in browsers (ArrayBuffer) and in Node (Buffer); gives a copy of one kind. */
const Payload = v.pipe(
  v.union([v.instance(Uint8Array), v.instance(ArrayBuffer)]),
  v.check((bytes) => bytes.byteLength > 0 && bytes.byteLength <= MAX_PAYLOAD_BYTES, 'payload out of bounds'),
  v.transform(
    (bytes): Uint8Array<ArrayBuffer> =>
      new Uint8Array(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)),
  ),
);

/** The same where it travels in JSON: base64url. */
const SpelledPayload = v.pipe(
  v.string(),
  v.maxLength(Math.ceil((MAX_PAYLOAD_BYTES * 4) / 3)),
  v.rawTransform(({ dataset, addIssue, NEVER }): Uint8Array<ArrayBuffer> => {
    try {
      const bytes = base64urlnopad.decode(dataset.value);
      if (bytes.length > 0) return new Uint8Array(bytes);
    } catch {
      // As an empty one.
    }
    addIssue({ message: 'no payload in base64url' });
    return NEVER;
  }),
);

/** `auth` of the Socket.IO handshake. */
export const Hello = v.strictObject({ version: v.literal(SIGNALING_VERSION) });

/** Why the server refused a request. */
export const RefusalCode = v.picklist([
  'malformed',
  'rate-limited',
  'server-full',
  'unknown-slot',
  'slot-closed',
  'room-full',
  'room-taken',
  'not-joined',
  'member-gone',
]);
export type RefusalCode = v.InferOutput<typeof RefusalCode>;

const Refusal = v.strictObject({ ok: v.literal(false), code: RefusalCode });

/** Why the server ended a member's stay in a room. */
export const CloseReason = v.picklist([
  'closed',
  'expired',
  'sender-gone',
  'dismissed',
  'silent',
  'replaced',
]);
export type CloseReason = v.InferOutput<typeof CloseReason>;

const members = v.pipe(v.array(MemberId), v.maxLength(MAX_RECEIVERS));
const done = v.strictObject({ ok: v.literal(true) });

/** What a client may ask: event name, body, and the acknowledgement where it is not a refusal. */
export const requests = {
  /** Answered with those whom the joiner sees: a sender every receiver, a receiver the sender alone. */
  join: {
    body: v.strictObject({ role: Role, room: RoomName, claim: Claim }),
    reply: v.variant('ok', [v.strictObject({ ok: v.literal(true), members }), Refusal]),
  },
  /** Makes a code room and joins it as its sender. */
  'open-slot': {
    body: v.strictObject({ claim: Claim }),
    reply: v.variant('ok', [
      v.strictObject({
        ok: v.literal(true),
        slot: v.pipe(v.number(), v.integer(), v.minValue(MIN_SLOT), v.maxValue(MAX_SLOT)),
        lifetimeMs: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(86_400_000)),
      }),
      Refusal,
    ]),
  },
  /** To a member whom the asker sees. */
  relay: {
    body: v.strictObject({ room: RoomName, to: MemberId, payload: Payload }),
    reply: v.variant('ok', [done, Refusal]),
  },
  /** A sender puts a receiver out. */
  dismiss: {
    body: v.strictObject({ room: RoomName, member: MemberId }),
    reply: v.variant('ok', [done, Refusal]),
  },
  /** Whether the server is there. */
  ping: {
    body: v.strictObject({}),
    reply: v.variant('ok', [done, Refusal]),
  },
  /** For good: a sender that leaves a code room closes it. */
  leave: {
    body: v.strictObject({ room: RoomName }),
    reply: v.variant('ok', [done, Refusal]),
  },
} as const;

export type RequestName = keyof typeof requests;
export type RequestBody<N extends RequestName> = v.InferOutput<(typeof requests)[N]['body']>;
export type Reply<N extends RequestName> = v.InferOutput<(typeof requests)[N]['reply']>;

/** What a server tells, unasked. */
export const notices = {
  'member-joined': v.strictObject({ room: RoomName, member: MemberId }),
  'member-left': v.strictObject({ room: RoomName, member: MemberId }),
  relay: v.strictObject({ room: RoomName, from: MemberId, payload: Payload }),
  'room-closed': v.strictObject({ room: RoomName, reason: CloseReason }),
} as const;

/** RFC 7064: `stun:` and a host, in brackets where it is IPv6, with an optional port. */
const StunUrl = v.pipe(
  v.string(),
  v.maxLength(300),
  v.regex(/^stun:(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?$/),
);

const iceServers = v.pipe(
  v.array(v.strictObject({ urls: v.pipe(v.array(StunUrl), v.minLength(1), v.maxLength(8)) })),
  v.maxLength(8),
);

/** The ICE-server document at `CONFIG_PATH`. */
export const IceConfig = v.strictObject({ version: v.literal(1), iceServers });
export type IceConfig = v.InferOutput<typeof IceConfig>;

/**
 * A receiver's short way to a link's sender, over HTTP: what is posted to `KNOCK_PATH` joins the room for one handshake and
 * carries its first message.
 */
export const KnockRequest = v.strictObject({
  version: v.literal(SIGNALING_VERSION),
  room: Token,
  payload: SpelledPayload,
});

/** The first event of what is answered; the path of further messages ends with `stay`. */
export const KnockAnswer = v.variant('ok', [
  v.strictObject({ ok: v.literal(true), stay: Token, iceServers }),
  Refusal,
]);

/** Every further event: a message of the sender's. */
export const KnockRelay = v.strictObject({ payload: SpelledPayload });

/** Further messages to the sender, in this order; answered with `KnockDone`. */
export const KnockMessages = v.strictObject({
  payloads: v.pipe(v.array(SpelledPayload), v.minLength(1), v.maxLength(MAX_KNOCK_PAYLOADS)),
});
export const KnockDone = v.variant('ok', [done, Refusal]);

/** As `SpelledPayload` takes it. */
export function spellPayload(payload: Uint8Array): string {
  return base64urlnopad.encode(payload);
}

export type NoticeName = keyof typeof notices;
export type Notice<N extends NoticeName> = v.InferOutput<(typeof notices)[N]>;
