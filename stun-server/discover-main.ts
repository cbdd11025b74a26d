#!/usr/bin/env node
import { parseAddress, parseArguments, reportFailure, UsageError } from './command-line.ts';
import { discoverNat } from './discovery/discover-nat.ts';
import { sentences, shortcoming } from './discovery/sentences.ts';

const USAGE = 'Usage: npm run stun:discover -- SERVER[:PORT] [--lifetime SECONDS] [--json]';
const DEFAULT_PORT = 3478;
/** Mappings that outlive an hour need no keeping alive. */
const MAX_LIFETIME_SECONDS = 3600;

async function main(args: string[]): Promise<void> {
  const { json, ...options } = parseOptions(args);
  const behaviour = await discoverNat(options).catch((error) => {
    throw new Error(lookupSentence(error, options.host), { cause: error });
  });
  const lack = shortcoming(behaviour);
  if (json) {
    const event = lack ? { event: 'error', ...lack } : { event: 'discovered' };
    process.stdout.write(`${JSON.stringify({ ...event, ...behaviour })}\n`);
  } else {
    process.stdout.write(`${sentences(behaviour).join('\n')}\n`);
    if (lack) process.stderr.write(`${lack.message}\n`);
  }
  if (lack) process.exitCode = 1;
}

function parseOptions(args: string[]) {
  const { values, positionals } = parseArguments({
    args,
    options: { lifetime: { type: 'string' }, json: { type: 'boolean' } },
    allowPositionals: true,
  });
  const [server, ...rest] = positionals;
  if (server === undefined || rest.length > 0)
    throw new UsageError('Name one STUN server, by its address or name.');
  const { host, port } = parseAddress(server);
  const { lifetime } = values;
  if (lifetime !== undefined && !(/^\d{1,4}$/.test(lifetime) && isLifetime(Number(lifetime))))
    throw new UsageError(
      `A lifetime is a number of seconds from 1 to ${MAX_LIFETIME_SECONDS}, not "${lifetime}".`,
    );
  return {
    host,
    port: port ?? DEFAULT_PORT,
    ...(lifetime === undefined ? {} : { lifetimeSeconds: Number(lifetime) }),
    json: values.json ?? false,
  };
}

function isLifetime(seconds: number): boolean {
  return seconds >= 1 && seconds <= MAX_LIFETIME_SECONDS;
}

function lookupSentence(error: NodeJS.ErrnoException, host: string): string {
  return error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN'
    ? `"${host}" is not found: check the name, or write the server's address.`
    : `The discovery could not run: ${error.message}.`;
}

main(process.argv.slice(2)).catch((error) => reportFailure(error, USAGE));
