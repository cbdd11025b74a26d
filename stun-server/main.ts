#!/usr/bin/env node
import { socketAddressText } from './codec/ip-address.ts';
import { parseAddress, parseArguments, parsePort, reportFailure, UsageError } from './command-line.ts';
import { type StunServer, startStunServer } from './server.ts';

const USAGE =
  'Usage: npm run stun -- [--host ADDRESS] [--port 0-65535] [--alternate ADDRESS[:PORT]] [--json]';
const DEFAULT_PORT = 3478;

interface Options {
  host?: string;
  port: number;
  alternate?: { host: string; port?: number };
}

async function main(args: string[]): Promise<void> {
  const { json, ...options } = parseOptions(args);
  const server = await startStunServer(options).catch((error) => {
    if (error instanceof RangeError) throw new UsageError(`${error.message}.`);
    throw new Error(listenSentence(error, options), { cause: error });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
  process.stdout.write(json ? `${JSON.stringify(listeningEvent(server))}\n` : listeningSentence(server));
}

function parseOptions(args: string[]): Options & { json: boolean } {
  const { values } = parseArguments({
    args,
    options: {
      host: { type: 'string' },
      port: { type: 'string' },
      alternate: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  const port = parsePort(values.port ?? String(DEFAULT_PORT), 0);
  const { host } = values;
  if (host === '') throw new UsageError('A host is an address or a name; leave --host out for all.');
  const alternate = values.alternate === undefined ? undefined : parseAddress(values.alternate);
  if (alternate !== undefined && host === undefined)
    throw new UsageError('--alternate goes with --host: the two addresses must both be named.');
  if (alternate !== undefined && (alternate.port ?? port + 1) > 65_535)
    throw new UsageError('--alternate needs a port: the one above 65535 does not exist.');
  return {
    ...(host === undefined ? {} : { host }),
    port,
    ...(alternate && {
      alternate: { host: alternate.host, ...(alternate.port && { port: alternate.port }) },
    }),
    json: values.json ?? false,
  };
}

function listeningEvent(server: StunServer) {
  const { alternate } = server;
  return {
    event: 'listening',
    stun: server.address(),
    ...(alternate && { alternate: socketAddressText(alternate) }),
  };
}

function listeningSentence(server: StunServer): string {
  const where = `STUN answers at ${server.address()}, on UDP and TCP.`;
  const discovery = server.alternate
    ? ` With ${socketAddressText(server.alternate)} it tells clients how their NAT behaves.`
    : '';
  return `${where}${discovery} Ctrl+C ends it.\n`;
}

function listenSentence(error: NodeJS.ErrnoException, { host, port, alternate }: Options): string {
  const ports = alternate === undefined ? `Port ${port}` : `Port ${port} or ${alternate.port ?? port + 1}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return `${ports} is taken by another program; choose another with --port, or 0 for any free one.`;
    case 'EACCES':
      return `The system does not let this user open port ${port}; choose one above 1023 with --port.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return alternate === undefined
        ? `"${host}" is no address of this machine; name one with --host, or leave it out for all.`
        : `"${host}" or "${alternate.host}" is no address of this machine; name two that are.`;
    default:
      return `STUN could not start: ${error.message}.`;
  }
}

main(process.argv.slice(2)).catch((error) => reportFailure(error, USAGE));
