import * as v from 'valibot';
import { TransferError } from '#protocol/errors.ts';
import {
  KNOCK_PATH,
  KnockAnswer,
  KnockDone,
  KnockRelay,
  MAX_KNOCK_PAYLOADS,
  SIGNALING_VERSION,
  spellPayload,
} from '#protocol/signaling.ts';
import { Deferred } from './deferred.ts';
import { KNOCK_PATIENCE_MS, MAX_EVENT_CHARS } from './limits.ts';

/**
 * A receiver's stay in a link room for one handshake, by plain requests: one whose answer brings what the sender says, and
 * others for what is said after the first message. No line has to be opened for it where the page has one still.
 * @see docs/signaling-protocol.md "Knocking"
 */
export class Knock {
  readonly #url: URL;
  readonly #room: string;
  readonly #onRelay: (payload: Uint8Array<ArrayBuffer>) => void;
  readonly #stopping = new AbortController();
  readonly #waiting: Uint8Array<ArrayBuffer>[] = [];
  /** What the server calls this stay: where further messages go. */
  #stay: string | null = null;
  #begun = false;
  /** Settles when what was said has been handed over. */
  #posted: Promise<void> | null = null;
  #onOver: () => void = () => {};
  readonly #iceServers = new Deferred<RTCIceServer[]>();

  /** Resolves when nothing more will come of it, whatever the reason; it never rejects. */
  readonly over: Promise<void> = new Promise((resolve) => {
    this.#onOver = resolve;
  });

  /**
   * @param serverUrl with its last slash
   * @param onRelay called with each message that the server says comes from the sender, in order
   */
  constructor(serverUrl: string, room: string, onRelay: (payload: Uint8Array<ArrayBuffer>) => void) {
    this.#url = new URL(KNOCK_PATH, serverUrl);
    this.#room = room;
    this.#onRelay = onRelay;
    this.#stopping.signal.addEventListener('abort', () => {
      this.#onOver();
      this.#iceServers.reject(new TransferError('connection-lost', 'the server does not let in'));
    });
  }

  /** The STUN servers that this server hands out; rejects where it is over before they are known. */
  get iceServers(): Promise<RTCIceServer[]> {
    return this.#iceServers.promise;
  }

  /** The first message knocks; each further one follows it. In order. */
  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#begun) this.#waiting.push(message);
    else void this.#begin(message).finally(() => this.leave());
    this.#begun = true;
    this.#post();
  }

  /** Ends it. What has not been handed over is lost. */
  leave(): void {
    this.#stopping.abort();
  }

  /** Ends it as soon as the last words have been handed over, what is said in this turn among them. */
  finish(): void {
    const timer = setTimeout(() => this.leave(), KNOCK_PATIENCE_MS);
    setTimeout(() => {
      void (this.#posted ?? Promise.resolve()).finally(() => {
        clearTimeout(timer);
        this.leave();
      });
    }, 0);
  }

  async #begin(message: Uint8Array<ArrayBuffer>): Promise<void> {
    // A proxy that keeps answers back until they are whole would keep this one for ever.
    const timer = setTimeout(() => this.leave(), KNOCK_PATIENCE_MS);
    try {
      const body = { version: SIGNALING_VERSION, room: this.#room, payload: spellPayload(message) };
      const response = await this.#ask(this.#url, body);
      for await (const event of eventsOf(response)) {
        if (this.#stopping.signal.aborted) return;
        if (this.#stay !== null) {
          this.#onRelay(v.parse(KnockRelay, event).payload);
          continue;
        }
        const answer = v.parse(KnockAnswer, event);
        if (!answer.ok) return;
        clearTimeout(timer);
        this.#stay = answer.stay;
        this.#iceServers.resolve(answer.iceServers);
        this.#post();
      }
    } catch {
      // Whatever it was: there is another way to the sender, which will tell.
    } finally {
      clearTimeout(timer);
    }
  }

  /** One request at a time, for order; what is said meanwhile shares the next. */
  #post(): void {
    const stay = this.#stay;
    if (this.#posted !== null || stay === null) return;
    const url = new URL(`${this.#url.pathname}/${stay}`, this.#url);
    this.#posted = this.#postTo(url)
      .catch(() => this.leave())
      .finally(() => {
        this.#posted = null;
        if (this.#waiting.length > 0 && !this.#stopping.signal.aborted) this.#post();
      });
  }

  async #postTo(url: URL): Promise<void> {
    while (this.#waiting.length > 0) {
      const payloads = this.#waiting.splice(0, MAX_KNOCK_PAYLOADS).map(spellPayload);
      const response = await this.#ask(url, { payloads });
      const done = v.parse(KnockDone, await response.json());
      if (!done.ok) throw new Error(done.code);
    }
  }

  async #ask(url: URL, body: object): Promise<Response> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      cache: 'no-store',
      redirect: 'error',
      signal: this.#stopping.signal,
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response;
  }
}

/** @throws Error for what is no stream of events, each of one line of JSON */
async function* eventsOf(response: Response): AsyncGenerator<unknown> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = text.slice(0, end);
      text = text.slice(end + 2);
      if (!event.startsWith('data: ')) throw new Error('no event');
      yield JSON.parse(event.slice('data: '.length));
    }
    if (text.length > MAX_EVENT_CHARS) throw new Error('an event without end');
  }
}
