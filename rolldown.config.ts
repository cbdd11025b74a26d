import { defineConfig } from 'rolldown';

const isDependency = (id: string): boolean => !/^[.#/]/.test(id) && !/^[A-Za-z]:[\\/]/.test(id);

/** The programs that run on plain Node. Dependencies stay outside; our own rooms are bundled. */
export default defineConfig([
  {
    input: {
      'cli/main': 'cli/main.ts',
      'stun-server/main': 'stun-server/main.ts',
      'stun-server/discover-main': 'stun-server/discover-main.ts',
    },
    platform: 'node',
    external: isDependency,
    output: {
      dir: 'dist',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name]-[hash].js',
      sourcemap: true,
    },
  },
]);
