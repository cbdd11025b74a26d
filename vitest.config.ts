import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { findChromium } from './scripts/find-program.mjs';

const executablePath = findChromium();

/** Unit, property and integration tests: of the page's sinks and sources in a browser, of everything else in Node. Whole deliveries are in e2e/. */
export default defineConfig({
  test: {
    projects: [
      {
        root: import.meta.dirname,
        test: {
          name: 'node',
          environment: 'node',
          include: [
            '{protocol,transport,node-peer,cli,signaling,stun-server,natlab,e2e/hostile}/**/*.test.ts',
            'client/**/*.unit.test.ts',
          ],
          testTimeout: 20_000,
        },
      },
      {
        root: import.meta.dirname,
        optimizeDeps: { entries: ['client/{sinks,sources}/**/*.ts'] },
        test: {
          name: 'browser',
          include: ['client/**/*.browser.test.ts'],
          testTimeout: 20_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                ...(executablePath !== undefined && { executablePath }),
                chromiumSandbox: process.getuid?.() !== 0,
                args: ['--disable-gpu'],
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
