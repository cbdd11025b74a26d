import { afterEach, describe, expect, test, vi } from 'vitest';
import { TransferError } from '#protocol/errors.ts';
import { serverAddress } from './server-address.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the server that a command talks to', () => {
  test.each([
    ['https://sallyport.example', 'https://sallyport.example/'],
    ['HTTP://Sallyport.Example:8080', 'http://sallyport.example:8080/'],
    ['https://example.org/files', 'https://example.org/files/'],
    ['https://example.org/files/?x=1#AAAAAAAAAAAAAAAAAAAAAA', 'https://example.org/files/'],
    ['http://[::1]:8080/', 'http://[::1]:8080/'],
    [' https://example.org ', 'https://example.org/'],
  ])('%s is %s', (option, address) => {
    expect(serverAddress(option)).toBe(address);
  });

  test('is the one in the environment where none is named', () => {
    vi.stubEnv('SALLYPORT_SERVER', 'https://environment.example');
    expect(serverAddress(undefined)).toBe('https://environment.example/');
    expect(serverAddress('https://option.example')).toBe('https://option.example/');
  });

  test.each([
    undefined,
    '',
    'sallyport.example',
    'localhost:8080',
    'ftp://example.org',
    'file:///etc',
    'https://',
    'https://ada@example.org',
    'https://ada:secret@example.org',
  ])('is not %s', (option) => {
    vi.stubEnv('SALLYPORT_SERVER', undefined);
    const refused = () => serverAddress(option);
    expect(refused).toThrow(TransferError);
    expect(refused).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('is never named by its password', () => {
    expect(() => serverAddress('https://ada:secret@example.org')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});
