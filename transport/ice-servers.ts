import * as v from 'valibot';
import { TransferError } from '#protocol/errors.ts';
import { IceConfig } from '#protocol/signaling.ts';
import { MAX_CONFIG_CHARS } from './limits.ts';

/**
 * What is no refusal, besides what a proxy says in place of a server that is being started again: the request came too
 * slowly, as from a machine that slept in its midst; too early; too often.
 */
const FOR_NOW: ReadonlySet<number> = new Set([408, 425, 429]);

/** @throws TransferError `server-unreachable` (also when aborted), `server-refused`, `protocol-violation` */
export async function fetchIceServers(url: URL, signal: AbortSignal): Promise<RTCIceServer[]> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { signal, cache: 'no-store', redirect: 'error' });
    text = await readText(response);
  } catch (cause) {
    throw new TransferError('server-unreachable', String(url), { cause });
  }
  const isForNow = response.status >= 500 || FOR_NOW.has(response.status);
  if (!response.ok)
    throw new TransferError(
      isForNow ? 'server-unreachable' : 'server-refused',
      `${url}: status ${response.status}`,
    );
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), IceConfig), text);
  if (!parsed.success) throw new TransferError('protocol-violation', `${url} is no ICE-server document`);
  return parsed.output.iceServers;
}

/** Reads a body that may come from an adversary: what is too long is cut, and then does not parse. */
async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (reader !== undefined && text.length < MAX_CONFIG_CHARS) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
  await reader?.cancel();
  return text;
}
