/**
 * `npm run dev`: the server from its sources, restarted when they change, behind Vite, which renews the page in
 * place. Nothing is built. Ctrl-C ends both.
 */
import './node-version.mjs';
import { createInterface } from 'node:readline';
import { start } from './child.mjs';
import { prepareDependencies, root } from './prepare.mjs';
import { Complaint, main, say } from './talk.mjs';

await main(import.meta.filename, async () => {
  await prepareDependencies();
  process.chdir(root);
  const { createServer } = await import('vite');
  const tsx = 'node_modules/tsx/dist/cli.mjs';
  const serve = ['cli/main.ts', 'serve', '--port', '0', '--stun-port', '0', '--json'];
  const server = start(process.execPath, [tsx, 'watch', '--clear-screen=false', ...serve], { stdio: 'pipe' });
  server.stderr.pipe(process.stderr);

  let vite;
  for await (const line of createInterface({ input: server.stdout })) {
    const url = listeningUrl(line);
    if (url === undefined) {
      say(line);
      continue;
    }
    // The server has another port after a restart; vite.config.ts reads its address when Vite starts.
    process.env['SALLYPORT_DEV_SERVER'] = url;
    if (vite) {
      await vite.restart();
    } else {
      vite = await createServer({ configFile: 'vite.config.ts' });
      await vite.listen();
    }
    say(`Open ${vite.resolvedUrls.local[0]} (the server behind it is ${url}).`);
  }
  await vite?.close();
  throw new Complaint('The server has ended.');
});

function listeningUrl(line) {
  try {
    const { event, url } = JSON.parse(line);
    return event === 'listening' ? url : undefined;
  } catch {
    return undefined;
  }
}
