import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:tls';

/** The process of one end of a bare TLS connection: `receive BYTES` or `send BYTES`. */

/** What both know; the connection is nobody's secret. */
const PSK = { identity: 'bench', key: Buffer.alloc(32, 1) };
const CIPHERS = { ciphers: 'PSK-AES128-GCM-SHA256', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
const WRITE_BYTES = 1024 * 1024;

function receive(bytes: number): void {
  const server = createServer({ ...CIPHERS, pskCallback: () => PSK.key }, (socket: Socket) => {
    let [received, startedMs] = [0, 0];
    socket.on('data', (chunk: Buffer) => {
      if (startedMs === 0) startedMs = performance.now();
      received += chunk.length;
      if (received >= bytes)
        process.send?.({ bytes: received, seconds: (performance.now() - startedMs) / 1000 });
    });
  });
  server.listen(0, '0.0.0.0', () => process.send?.((server.address() as AddressInfo).port));
}

async function send(bytes: number): Promise<void> {
  const [where] = (await once(process, 'message')) as [{ host: string; port: number }];
  const options = { ...CIPHERS, pskCallback: () => ({ psk: PSK.key, identity: PSK.identity }) };
  const socket = connect({ ...options, ...where, checkServerIdentity: () => undefined });
  await once(socket, 'secureConnect');
  const piece = Buffer.alloc(WRITE_BYTES, 7);
  for (let sent = 0; sent < bytes; sent += piece.length) {
    if (!socket.write(piece)) await once(socket, 'drain');
  }
}

process.once('disconnect', () => process.exit());
const [role, bytes] = process.argv.slice(2);
if (role === 'receive') receive(Number(bytes));
else await send(Number(bytes));
