#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { startStunServer } from './server.ts';

const USAGE = 'Usage: npm run stun -- [--host ADDRESS] [--port 0-65535] [--json]';
const DEFAULT_PORT = 3478;

class UsageError extends Error {}

async function main(args: string[]): Promise<void> {
  const { host, port, json } = parseOptions(args);
  const server = await startStunServer({ ...(host === undefined ? {} : { host }), port }).catch((error) => {
    throw new Error(listenSentence(error, host, port), { cause: error });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
  const stun = server.address();
  process.stdout.write(
    json
      ? `${JSON.stringify({ event: 'listening', stun })}\n`
      : `STUN answers at ${stun}, on UDP and TCP. Ctrl+C ends it.\n`,
  );
}

function parseOptions(args: string[]): { host: string | undefined; port: number; json: boolean } {
  const { values } = parseOrRefuse(args);
  const port = values.port ?? String(DEFAULT_PORT);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new UsageError(`A port is a number from 0 to 65535, not "${port}".`);
  if (values.host === '') throw new UsageError('A host is an address or a name; leave --host out for all.');
  return { host: values.host, port: Number(port), json: values.json ?? false };
}

function parseOrRefuse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: { host: { type: 'string' }, port: { type: 'string' }, json: { type: 'boolean' } },
    });
  } catch (error) {
    // Node's message goes on with advice about "--"; its first sentence names the argument.
    const [sentence = 'Bad arguments'] = (error instanceof Error ? error.message : '').split(/[.\n]/, 1);
    throw new UsageError(`${sentence}.`);
  }
}

function listenSentence(error: NodeJS.ErrnoException, host: string | undefined, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken by another program; choose another with --port, or 0 for any free one.`;
    case 'EACCES':
      return `The system does not let this user open port ${port}; choose one above 1023 with --port.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `"${host}" is no address of this machine; name one with --host, or leave it out for all.`;
    default:
      return `STUN could not start: ${error.message}.`;
  }
}

main(process.argv.slice(2)).catch((error: Error & { cause?: NodeJS.ErrnoException }) => {
  const isUsage = error instanceof UsageError;
  if (process.argv.includes('--json')) {
    const code = isUsage ? 'usage' : (error.cause?.code ?? 'internal');
    process.stdout.write(`${JSON.stringify({ event: 'error', code, message: error.message })}\n`);
  } else {
    process.stderr.write(`${error.message}\n${isUsage ? `${USAGE}\n` : ''}`);
  }
  process.exitCode = isUsage ? 2 : 1;
});
