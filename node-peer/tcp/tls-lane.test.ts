import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { pairedRun } from '#protocol/handshake/paired-run.fixture.ts';
import { MAX_LANE_MESSAGE_BYTES } from '#protocol/limits.ts';
import { laneContract } from '#transport/lane.contract.ts';
import type { Lane } from '#transport/lane.ts';
import { secureConnection } from './tls-connection.ts';

async function pair(): Promise<readonly [Lane, Lane]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const dialled = connect(port, '127.0.0.1');
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(dialled, 'connect')])) as [
    [Socket],
    unknown,
  ];
  server.close();
  const { sender, receiver } = pairedRun();
  const lanes = await Promise.all([secureConnection(dialled, sender), secureConnection(accepted, receiver)]);
  const [near, far] = lanes;
  if (!near || !far) throw new Error('no lanes');
  onTestFinished(() => {
    for (const lane of lanes) lane?.close();
  });
  return [near, far];
}

test.each(laneContract)('a lane over TLS $name', ({ run }) => run({ pair }));

test('a lane over TLS closes by a message that is longer than any', async () => {
  const [near, far] = await pair();
  const closing = new Promise<string>((resolve) => far.attach(() => {}, resolve));
  near.send(new Uint8Array(MAX_LANE_MESSAGE_BYTES + 1));
  expect(await closing).toBe('a message is too long');
});
