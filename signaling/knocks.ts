import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import {
  type IceConfig,
  KnockMessages,
  KnockRequest,
  type Notice,
  type NoticeName,
  type RefusalCode,
  spellPayload,
} from '#protocol/signaling.ts';
import type { Admission } from './admission.ts';
import type { Desk } from './connection.ts';
import { readJson } from './read-json.ts';
import type { Contact, Stay } from './room.ts';
import { TokenBucket } from './token-bucket.ts';

type IceServers = IceConfig['iceServers'];

/** For proxies too: each event is to travel on at once. */
const STREAM_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
};

/**
 * Receivers that come to a link's sender by plain requests: one is answered, as long as its handshake takes, with what the
 * sender says, and others carry what the receiver says after its first message.
 * @see docs/signaling-protocol.md "Knocking"
 */
export class Knocks {
  readonly #desk: Desk;
  readonly #admission: Admission;
  readonly #open = new Map<string, Knock>();

  constructor(desk: Desk, admission: Admission) {
    this.#desk = desk;
    this.#admission = admission;
  }

  /**
   * @param stay what follows the path's last slash: empty for one who comes
   * @param iceServers what one who comes is told
   */
  handle(request: IncomingMessage, response: ServerResponse, stay: string, iceServers: IceServers): void {
    const answered =
      stay === '' ? this.#begin(request, response, iceServers) : this.#relay(request, response, stay);
    // A body that is too long, no JSON, or breaks off.
    answered.catch(() => refuseRequest(response, 400));
  }

  async #begin(request: IncomingMessage, response: ServerResponse, iceServers: IceServers): Promise<void> {
    const { desk, admission } = { desk: this.#desk, admission: this.#admission };
    const refusal = admission.refusal(request);
    if (refusal !== null) {
      refuseRequest(response, refusal === 'cross-origin' ? 403 : 429);
      return;
    }
    const addressKey = admission.addressKeyOf(request);
    response.once('close', admission.open(addressKey));
    const body = v.parse(KnockRequest, await readJson(request, desk.limits.messageBytes));
    if (response.destroyed) return;
    response.writeHead(200, STREAM_HEADERS);
    const knock = new Knock(response, desk, addressKey);
    const answer = knock.enter(body.room, body.payload, iceServers);
    if (answer !== null) {
      knock.tellAndEnd(answer);
      return;
    }
    this.#open.set(knock.token, knock);
    response.once('close', () => this.#open.delete(knock.token));
  }

  async #relay(request: IncomingMessage, response: ServerResponse, token: string): Promise<void> {
    const knock = this.#open.get(token);
    if (knock === undefined) {
      // Its body is not read, so nothing else can follow on this connection.
      refuseRequest(response, 404);
      return;
    }
    const { payloads } = v.parse(KnockMessages, await readJson(request, this.#desk.limits.messageBytes));
    let code: RefusalCode | null = null;
    for (const payload of payloads) code ??= knock.relay(payload);
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    response.end(JSON.stringify(code === null ? { ok: true } : { ok: false, code }));
  }
}

/** One who has come: a stay in a link room that ends with the handshake, with the sender, or with its line. */
class Knock implements Contact {
  readonly token = randomBytes(16).toString('base64url');
  readonly addressKey: string;
  readonly #response: ServerResponse;
  readonly #desk: Desk;
  readonly #requests: TokenBucket;
  readonly #timer: NodeJS.Timeout;
  #stay: Stay | null = null;
  #sender = '';
  #unsentBytes = 0;

  constructor(response: ServerResponse, desk: Desk, addressKey: string) {
    this.#response = response;
    this.#desk = desk;
    this.addressKey = addressKey;
    this.#requests = new TokenBucket(desk.limits.requests, performance.now());
    this.#timer = setTimeout(() => response.end(), desk.limits.idleMs).unref();
    response.once('close', () => this.#onClose());
  }

  /** Joins, and hands over the first message. @returns why not, or null */
  enter(room: string, payload: Uint8Array<ArrayBuffer>, iceServers: IceServers): RefusalCode | null {
    const { rooms, joins } = this.#desk;
    if (!joins.take(this.addressKey, performance.now())) return 'rate-limited';
    // Where nobody is to answer it is no use to wait here.
    if (!rooms.hasSender(room)) return 'member-gone';
    const stay = rooms.join(room, 'receiver', randomBytes(32), this);
    if (typeof stay === 'string') return stay;
    this.#stay = stay;
    this.#sender = stay.room.seenBy(stay)[0] ?? '';
    this.#write({ ok: true, stay: this.token, iceServers });
    return this.relay(payload);
  }

  relay(payload: Uint8Array<ArrayBuffer>): RefusalCode | null {
    if (this.#stay === null) return 'not-joined';
    if (!this.#requests.take(performance.now())) return 'rate-limited';
    if (this.#desk.backlog.isFull) return 'server-full';
    return this.#stay.room.relay(this.#stay, this.#sender, payload);
  }

  tell<N extends NoticeName>(name: N, notice: Notice<N>): void {
    if ('payload' in notice) this.#write({ payload: spellPayload(notice.payload) });
    else if (name !== 'member-joined') this.#response.end();
  }

  onOut(): void {
    this.#stay = null;
  }

  tellAndEnd(code: RefusalCode): void {
    this.#write({ ok: false, code });
    this.#response.end();
  }

  #write(event: object): void {
    const text = `data: ${JSON.stringify(event)}\n\n`;
    // Far more than a handshake says waits for one who does not read.
    if (this.#unsentBytes + text.length > this.#desk.limits.messageBytes) this.#response.destroy();
    if (this.#response.destroyed || this.#response.writableEnded) return;
    this.#count(text.length);
    this.#response.write(text, () => this.#count(-Math.min(text.length, this.#unsentBytes)));
  }

  #count(bytes: number): void {
    this.#unsentBytes += bytes;
    this.#desk.backlog.add(bytes);
  }

  #onClose(): void {
    clearTimeout(this.#timer);
    this.#count(-this.#unsentBytes);
    const stay = this.#stay;
    this.#stay = null;
    stay?.room.leave(stay);
  }
}

function refuseRequest(response: ServerResponse, status: number): void {
  if (response.headersSent) response.end();
  else response.writeHead(status, { 'Cache-Control': 'no-store', Connection: 'close' }).end();
}
