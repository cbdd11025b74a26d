/** `npm run check`: format, lint, import walls and types of every room, side by side, in one verdict. */
import { spawn } from 'node:child_process';

const checks = [
  ['biome', ['check', '--error-on-warnings']],
  ['tsc', ['-p', 'protocol']],
  ['tsc', ['-p', 'transport']],
  ['tsc', ['-p', 'client/tsconfig.worker.json']],
  ['tsc', ['-p', '.']],
  [
    'svelte-check',
    ['--workspace', 'client', '--tsconfig', './tsconfig.json', '--fail-on-warnings', '--output', 'human'],
  ],
];

const run = ([command, args]) =>
  new Promise((resolve) => {
    const child = spawn(`node_modules/.bin/${command}`, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', (error) =>
      resolve({ name: `${command} ${args.join(' ')}`, status: 1, output: String(error) }),
    );
    child.on('close', (status) => resolve({ name: `${command} ${args.join(' ')}`, status, output }));
  });

const results = await Promise.all(checks.map(run));
for (const { name, status, output } of results) {
  if (status !== 0) process.stdout.write(`\n${name} failed:\n${output}\n`);
}
const failed = results.filter(({ status }) => status !== 0).length;
process.stdout.write(
  failed === 0 ? `check: ${results.length} of ${results.length} clean\n` : `check: ${failed} failed\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
