/** Last step of `npm run build`: the command may be run as a program, also from a linked checkout. */
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755);
