import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { run } from './program.ts';

let stdout = '';
let stderr = '';

beforeEach(() => {
  [stdout, stderr] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
  vi.stubEnv('SALLYPORT_SERVER', undefined);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const signal = new AbortController().signal;

describe('a command line that is not right', () => {
  test.each([
    [['frobnicate'], "Unknown command 'frobnicate'; see sallyport --help.\n"],
    [['send'], "Missing required argument 'path'; see sallyport send --help.\n"],
    [['send', '--kep', 'x'], "Unknown option '--kep' (Did you mean --keep?); see sallyport send --help.\n"],
    [['send', 'x'], /^Name your server with --server/],
    [['send', '--server', 'nowhere', 'x'], /^--server takes an address like .*, not nowhere\.\n$/],
    [['receive', '1', '2'], /^Too many arguments for 'receive'.*; see sallyport receive --help\.\n$/],
    [['receive', '--server'], /^Option '--server <url>' argument missing; see sallyport receive --help\.\n$/],
    [['receive', '100-able-able-able'], /^Name your server with --server/],
    [['serve', '--port', '65536'], /A port is a number from 0 to 65535; see sallyport serve --help\.\n$/],
    [['serve', '--port', '-1'], /A port is a number from 0 to 65535/],
    [['serve', '--stun-port', '1e3'], /A port is a number from 0 to 65535/],
    [['serve', '--tls', 'yes'], '--tls takes one word: auto.\n'],
    [['serve', '--tls-cert', 'x'], '--tls-cert and --tls-key go together.\n'],
    [['serve', '--tls', 'auto', '--tls-cert', 'x', '--tls-key', 'y'], /^Either --tls auto or a certificate/],
  ])('%j', async (args, sentence) => {
    expect(await run(args, signal)).toBe(2);
    expect(stderr).toMatch(sentence);
    expect(stdout).toBe('');
  });

  test('is an event with --json', async () => {
    expect(await run(['send', '--json', '--bogus'], signal)).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ event: 'error', code: 'usage' });
    expect(stderr).toBe('');
  });

  test('does not ask for JSON by a file of that name', async () => {
    expect(await run(['send', '--', '--json'], signal)).toBe(2);
    expect(stdout).toBe('');
  });
});

describe('help', () => {
  test.each([[['--help']], [['help']], [['send', '--help']], [['receive', '-h']], [['help', 'serve']]])(
    '%j goes to standard output, in 80 columns',
    async (args) => {
      expect(await run(args, signal)).toBe(0);
      expect(stdout).toMatch(/^Usage: sallyport/);
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
      expect(stderr).toBe('');
    },
  );

  test('is what a bare command gets, as an error', async () => {
    expect(await run([], signal)).toBe(2);
    expect(stderr).toMatch(/^Usage: sallyport/);
    expect(stdout).toBe('');
  });

  test('the version is the package’s', async () => {
    expect(await run(['--version'], signal)).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
