import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { networkOf } from './command-line.ts';
import { openLab } from './lab.ts';
import { residentsOf } from './residents.ts';
import { runShell } from './shell.ts';
import { describeInNamespaces } from './testing/namespaces.ts';

/** What a shell prints that is given these lines. */
async function shell(words: string, lines: readonly string[]): Promise<string[]> {
  const network = networkOf(words.split(' '), { delayMs: 1 });
  await using lab = await openLab(network);
  const [input, output] = [new PassThrough(), new PassThrough()];
  const printed = text(output);
  input.end(lines.map((line) => `${line}\n`).join(''));
  await runShell({
    lab,
    residents: residentsOf(network),
    env: { GREETING: 'hello there' },
    programs: '/somewhere/bin',
    input,
    output,
    where: () => 'WHERE',
  });
  output.end();
  return (await printed).trimEnd().split('\n').slice(3);
}

describeInNamespaces('the shell', () => {
  test('lines run on the host of the prompt, in its own folder', async () => {
    const lines = ['hostname -I', 'echo "$GREETING"; touch mine', ':bob', 'hostname -I; ls', ':alice', 'ls'];
    expect((await shell('port public', lines)).map((line) => line.trim())).toEqual([
      '10.0.1.2',
      'hello there',
      '11.0.2.1',
      'mine',
    ]);
  });

  test('what is wrong is said, and the next line runs', async () => {
    const printed = await shell('port', [
      ':carol',
      ':nat home1 cone',
      ':nat alice port',
      ':link alice',
      ':link alice spin=1',
      ':nat home1 port+carrier=sym',
      'exit 3',
      'echo "quo'.concat('ted"'),
      ':quit',
      'echo never',
    ]);
    expect(printed).toEqual([
      expect.stringContaining('There is no machine called carol'),
      '"cone" in "cone" is no network: take public, fullcone, addr, port, symaddr, symseq, sym.',
      'alice is no router.',
      'Say what of it changes, such as: :link alice delay=50',
      'A link has no "spin": it has delay, jitter, rate, queue, loss, reorder.',
      'A carrier cannot be put before a home that stands.',
      'quoted',
    ]);
  });

  test('a router is changed, looked into and moved while it runs', async () => {
    const printed = await shell('port public', [
      ':nat home1 symseq+step=2',
      `${process.execPath} -e "require('dgram').createSocket('udp4').bind(5000, function () { this.send('x', 9, '11.0.2.1', () => this.close()) })"`,
      ':routers',
      ':flush home1',
      ':routers',
      ':renumber home1',
    ]);
    expect(printed).toEqual([
      'home1 is now symseq+step=2, and has forgotten its mappings.',
      'home1 (symseq, outside 11.0.1.1)',
      expect.stringMatching(
        /^ {2}UDP: 10\.0\.1\.2:5000 goes out as 11\.0\.1\.1:40\d{3} to 11\.0\.2\.1:9, has not /,
      ),
      'home1 has forgotten its mappings.',
      'home1 (symseq, outside 11.0.1.1)',
      '  remembers nothing.',
      'home1 is at 11.0.1.2 now, and has forgotten its mappings.',
    ]);
  });

  test("cables and links: a person's link is that of the way out", async () => {
    const ping = `ping -c1 -w1 11.0.2.1 | grep -o "[01] received"`;
    // A plug that is back takes a moment until it carries, in which there may be no route at all.
    const pingSoon = `timeout 10 sh -c 'until ping -c1 -w1 11.0.2.1; do sleep 0.1; done' | grep -o "1 received"`;
    expect(
      await shell('port public', [
        ...[':pull alice', ping, ':plug alice', pingSoon],
        ...[':link alice loss=100', ping],
      ]),
    ).toEqual([
      'The cable of alice is out.',
      '0 received',
      'The cable of alice is back.',
      '1 received',
      'The link of home1 now has loss=100, and is perfect otherwise.',
      '0 received',
    ]);
  });

  test('what goes on in the background does not hold up the prompt', async () => {
    expect(await shell('public', ['sleep 1000 &', 'echo next'])).toEqual(['next']);
  });
});
