import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { nodePlatform } from '#node-peer/node-platform.ts';
import { openShare } from './receiving.ts';

test('a server that cannot be reached is said at once, with the reason', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  // Whoever waits for the join to give up waits for ever.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const opening = openShare({
    platform: nodePlatform(),
    serverUrl: `http://127.0.0.1:${port}`,
    target: '2112-dynamic-cause-suit',
    onStatus: () => {},
  });
  await expect(opening).rejects.toMatchObject({
    code: 'server-unreachable',
    cause: { cause: { code: 'ECONNREFUSED' } },
  });
});
