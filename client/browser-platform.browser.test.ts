import { expect, test } from 'vitest';
import { browserPlatform } from './browser-platform.ts';

const asked = (port: number) => ({ iceServers: [{ urls: `stun:127.0.0.1:${port}` }] });

test.each([
  ['at once', 0],
  ['after a while, when one has been made ahead', 50],
])('each connection is a new one with the servers that it was asked for: %s', async (_, delayMs) => {
  const platform = browserPlatform();
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  const connections = [1, 2, 3].map(
    (port) => platform.createPeerConnection(asked(port)) as RTCPeerConnection,
  );
  expect(new Set(connections).size).toBe(3);
  for (const [i, connection] of connections.entries()) {
    const [server] = connection.getConfiguration().iceServers ?? [];
    expect([server?.urls].flat()).toEqual([`stun:127.0.0.1:${i + 1}`]);
    expect(connection.connectionState).toBe('new');
    connection.close();
  }
});
