import { fork } from 'node:child_process';
import { once } from 'node:events';
import { PeerConnection } from 'node-datachannel';

/**
 * One bare data channel between two Node processes, pumped as fast as it goes: no files, no hashes, no protocol.
 * Run as a child (`--role`), this file is one of the two ends; descriptions and candidates travel over the parent.
 */

const MESSAGE_BYTES = 64 * 1024;
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
const LOW_WATER_BYTES = 1024 * 1024;
/** A pair that does not connect, or stalls, is a failure and not a slow figure. */
const TIMEOUT_MS = 5 * 60_000;

/** Collecting a wrapper would close the live connection behind it. */
const kept: unknown[] = [];

type Note =
  | { readonly type: 'description'; readonly sdp: string; readonly kind: string }
  | { readonly type: 'candidate'; readonly candidate: string; readonly mid: string }
  | { readonly type: 'seconds'; readonly seconds: number };

/** Seconds from the first byte received to the last. */
export async function bareNodeSeconds(bytes: number): Promise<number> {
  const ends = ['send', 'receive'].map((role) =>
    fork(import.meta.filename, [role, String(bytes)], { execArgv: ['--import', 'tsx'] }),
  );
  const [sender, receiver] = ends;
  if (!sender || !receiver) throw new Error('two processes were not started');
  try {
    sender.on('message', (note) => receiver.send(note as Note));
    return await new Promise<number>((resolve, reject) => {
      setTimeout(() => reject(new Error('the bare data channel stalled')), TIMEOUT_MS).unref();
      receiver.on('message', (note: Note) =>
        note.type === 'seconds' ? resolve(note.seconds) : sender.send(note),
      );
      for (const end of ends) end.once('exit', (code) => reject(new Error(`one end left with ${code}`)));
    });
  } finally {
    for (const end of ends) {
      end.removeAllListeners('exit');
      const gone = once(end, 'exit');
      end.kill('SIGKILL');
      await gone;
    }
  }
}

function runEnd(role: string, bytes: number): void {
  const tell = (note: Note) => process.send?.(note);
  const connection = new PeerConnection(role, { iceServers: [] });
  kept.push(connection);
  const early: Note[] = [];
  let described = false;
  connection.onLocalDescription((sdp, kind) => tell({ type: 'description', sdp, kind }));
  connection.onLocalCandidate((candidate, mid) => tell({ type: 'candidate', candidate, mid }));
  const hear = (note: Note) => {
    if (note.type === 'description') {
      connection.setRemoteDescription(note.sdp, note.kind as 'offer' | 'answer');
      described = true;
      for (const held of early.splice(0)) hear(held);
    } else if (!described) early.push(note);
    else if (note.type === 'candidate') connection.addRemoteCandidate(note.candidate, note.mid);
  };
  process.on('message', hear);

  if (role === 'receive') {
    connection.onDataChannel((channel) => {
      kept.push(channel);
      let received = 0;
      let startedMs = 0;
      channel.onMessage((message) => {
        if (received === 0) startedMs = performance.now();
        received += (message as Buffer).byteLength;
        if (received >= bytes) tell({ type: 'seconds', seconds: (performance.now() - startedMs) / 1000 });
      });
    });
    return;
  }
  const channel = connection.createDataChannel('bare', {});
  kept.push(channel);
  const message = new Uint8Array(MESSAGE_BYTES);
  let sent = 0;
  const pump = () => {
    while (sent < bytes && channel.bufferedAmount() < HIGH_WATER_BYTES) {
      channel.sendMessageBinary(message);
      sent += MESSAGE_BYTES;
    }
  };
  channel.setBufferedAmountLowThreshold(LOW_WATER_BYTES);
  channel.onBufferedAmountLow(pump);
  channel.onOpen(pump);
}

const [role, bytes] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename && role && bytes) runEnd(role, Number(bytes));
