import { defineConfig } from 'vitest/config';

/** Unit, property and integration tests that need no browser; the browser's own are in e2e/. */
export default defineConfig({
  test: {
    projects: [
      {
        root: import.meta.dirname,
        test: {
          name: 'node',
          environment: 'node',
          include: [
            '{protocol,transport,node-peer,cli,signaling,stun-server,e2e/hostile}/**/*.test.ts',
            'client/**/*.unit.test.ts',
          ],
          testTimeout: 20_000,
        },
      },
    ],
  },
});
