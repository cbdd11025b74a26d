import { expect, test } from 'vitest';
import { startStunServer } from '#stun-server/server.ts';
import { nodePlatform } from './node-platform.ts';

for (const host of ['127.0.0.1', '::1']) {
  test(`a STUN server at ${host} is asked`, async () => {
    const stun = await startStunServer({ host, port: 0 });
    const connection = nodePlatform().createPeerConnection({
      iceServers: [{ urls: `stun:${stun.address()}` }],
    });
    try {
      const gathered = new Promise<void>((resolve) => {
        connection.addEventListener('icegatheringstatechange', () => resolve());
      });
      connection.createDataChannel('lane', { negotiated: true, id: 0 });
      await connection.setLocalDescription(await connection.createOffer());
      await gathered;
      expect(connection.localDescription?.sdp).toContain('a=fingerprint:sha-256');
    } finally {
      connection.close();
      await stun.close();
    }
  });
}

test('an address that is no STUN server is left out', () => {
  const { createPeerConnection } = nodePlatform();
  const connection = createPeerConnection({
    iceServers: [{ urls: ['turn:example.org', 'stun:a b', 'nonsense'] }],
  });
  connection.close();
});

test('a block is hashed as SHA-256', async () => {
  const hash = await nodePlatform().sha256(new TextEncoder().encode('abc'));
  expect(Buffer.from(hash).toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
