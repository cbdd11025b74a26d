import { svelte } from '@sveltejs/vite-plugin-svelte';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';

/** The page. Paths are relative so that it may be served below any prefix. */
export default defineConfig({
  root: 'client',
  base: './',
  plugins: [tailwindcss(), svelte({ configFile: false })],
  worker: { format: 'es' },
  build: { outDir: '../dist/client', emptyOutDir: true, target: 'es2023', assetsInlineLimit: 0 },
  server: {
    // `npm run dev` runs `sallyport serve` beside Vite; scripts/dev.mjs hands over its address.
    proxy: Object.fromEntries(
      ['/socket.io', '/api', '/healthz'].map((path) => [
        path,
        { target: process.env['SALLYPORT_DEV_SERVER'] ?? 'http://127.0.0.1:8080', ws: true },
      ]),
    ),
  },
});
