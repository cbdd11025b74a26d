import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Cast } from './cast.ts';
import type { Line } from './line.ts';
import { type Observations, tellStory } from './story.ts';

/** What a real delivery looked like, cut short where it repeats itself. */
function recorded(name: string): Observations {
  const path = join(import.meta.dirname, 'testdata', `${name}.json`);
  const { cast, reports, sightings } = JSON.parse(readFileSync(path, 'utf8'));
  return {
    cast,
    reports,
    sightings: sightings.map((sighting: { payload: string }) => ({
      ...sighting,
      payload: new Uint8Array(Buffer.from(sighting.payload, 'base64')),
    })),
  };
}

const texts = (lines: readonly Line[]): string[] => lines.map(({ text }) => text);
const about = (lines: readonly Line[], words: string): Line[] =>
  lines.filter(({ text }) => text.includes(words));

describe('two port-restricted NATs', () => {
  const lines = tellStory(recorded('port-port'));

  test('the story goes from the link to the file, in the order of time', () => {
    expect(lines.map(({ atUs }) => atUs)).toEqual(lines.map(({ atUs }) => atUs).sort((a, b) => a - b));
    expect(texts(lines)[0]).toBe('alice has put a file of 16 MiB on the page and has a link.');
    expect(texts(lines).at(-2)).toBe('bob has the file, and it is the same to the last bit.');
    expect(texts(lines).at(-1)).toMatch(
      /^Route: direct\. Connected 0\.\d{3} s after the link was opened; alice at 10\.0\.1\.2:\d+, outside 11\.0\.1\.1:\d+; bob at 10\.0\.2\.2:41920, outside 11\.0\.2\.1:41920\. /,
    );
  });

  test('each learns an address from the STUN server', () => {
    expect(about(lines, 'bob asks the STUN server')[0]?.text).toContain(
      "10.0.2.2:41920 -> 11.0.0.1:3478. home2 writes 11.0.2.1:41920 in the sender's place, and remembers that what 11.0.0.1:3478 sends there is for bob.",
    );
    expect(about(lines, 'The answer reaches')).toHaveLength(2);
  });

  test('the first knock is dropped, opens the own router all the same, and the other comes through', () => {
    const [dropped, through] = about(lines, 'for the first time');
    expect(dropped).toMatchObject({ tone: 'bad' });
    expect(dropped?.text).toMatch(
      /By letting it out, home2 opens: .* home1 drops it: from 11\.0\.1\.1:\d+ nothing has gone to 11\.0\.2\.1:41920 yet, only to 11\.0\.0\.1:3478\./,
    );
    expect(through).toMatchObject({ tone: 'good' });
    expect(through?.text).toMatch(
      /It reaches bob at 0\.\d{3} s: home2 is open for it, since bob wrote to 11\.0\.1\.1:\d+ at 0\./,
    );
  });

  test('both hear that they are heard, agree on keys, and data flows', () => {
    expect(about(lines, 'the way works in both directions')).toHaveLength(2);
    expect(about(lines, 'bob is the one who decides')).toHaveLength(1);
    expect(about(lines, 'agree on keys (DTLS)')).toHaveLength(1);
    expect(about(lines, 'Data flows')).toHaveLength(1);
  });
});

describe('a NAT that maps anew for each destination', () => {
  const lines = tellStory(recorded('port-sym'));

  test('repetition is told once', () => {
    expect(about(lines, 'knocks')).toHaveLength(2);
    expect(about(lines, 'alice knocks')[0]?.text).toMatch(/So it goes \d+ times, until \d+\.\d{3} s\.$/);
  });

  test('what the STUN server saw is not what the peer sees, and the end says why that is no way', () => {
    expect(about(lines, 'bob knocks')[0]?.text).toMatch(
      /That is not 11\.0\.2\.1:\d+, which the STUN server saw: home2 maps anew for each destination\./,
    );
    expect(texts(lines).slice(-2)).toEqual([
      expect.stringMatching(/^On alice's side: home1 uses 11\.0\.1\.1:\d+ for every destination/),
      expect.stringMatching(
        /^On bob's side: the STUN server saw 11\.0\.2\.1:\d+, .* towards alice it was 11\.0\.2\.1:\d+\./,
      ),
    ]);
    expect(about(lines, 'Data flows')).toEqual([]);
    expect(about(lines, 'No way through')).toHaveLength(1);
  });
});

describe('one side public', () => {
  test('no router stands before it', () => {
    const lines = tellStory(recorded('public-port'));
    expect(about(lines, 'alice asks')[0]?.text).toContain(
      "No router is between them: that is alice's own public address.",
    );
    expect(about(lines, 'The answer reaches')).toHaveLength(2);
    expect(about(lines, 'no router is before it.')).not.toEqual([]);
    expect(texts(lines).at(-1)).toMatch(/alice at 11\.0\.2\.1:\d+; bob at /);
  });
});

describe('the same packets, had the network been another', () => {
  const { cast, sightings, reports } = recorded('port-port');
  const tell = (changed: Partial<Observations>): Line[] =>
    tellStory({ cast, sightings, reports, ...changed });
  const withNat = (nat: Cast['natOf'][string]): Line[] =>
    tell({ cast: { ...cast, natOf: { home1: nat, home2: nat } } });

  test('what a hole lets in depends on the NAT', () => {
    expect(about(withNat('fullcone'), 'home2 opens: from now on anyone may answer')).toHaveLength(1);
    expect(about(withNat('fullcone'), 'home2 lets anyone in who writes to a port')).toHaveLength(1);
    expect(about(withNat('addr'), 'home2 opens: from now on 11.0.1.1, whatever port, may')).toHaveLength(1);
    expect(about(withNat('addr'), 'home2 is open for it, since bob wrote to 11.0.1.1')).toHaveLength(1);
  });

  test('a router that lets nothing out', () => {
    const [failed] = reports.slice(0, 1);
    const lines = tell({
      sightings: sightings.filter(({ source }) => source.startsWith('10.')),
      reports: [{ atUs: failed?.atUs ?? 0, what: { kind: 'failed', by: 'bob', sentence: 'No way.' } }],
    });
    expect(about(lines, 'alice asks')[0]).toMatchObject({ tone: 'bad' });
    expect(texts(lines)).toContain("On alice's side: home1 let none of alice's UDP packets out.");
  });

  test('a link that loses everything', () => {
    const lines = tell({
      sightings: sightings.filter(
        ({ machine, source }) =>
          machine !== 'server' &&
          (machine === 'bob'
            ? source.startsWith('10.')
            : source.startsWith('11.0.2.') && machine === 'home2'),
      ),
    });
    expect(about(lines, 'bob knocks for the first time')[0]?.text).toContain(
      'It is lost on the way. So it goes',
    );
  });

  test('what is lost before it is seen to leave the router is not taken for refused', () => {
    const [first] = sightings.filter(
      ({ machine, source, sizeBytes }) =>
        machine === 'home2' && source.startsWith('11.0.2.') && sizeBytes === 100,
    );
    const lines = tell({
      sightings: sightings.filter(
        ({ machine, payload }) => machine === 'bob' || !first || Buffer.compare(payload, first.payload) !== 0,
      ),
    });
    expect(about(lines, 'bob knocks for the first time')[0]?.text).toMatch(/It is lost on the way\.$/);
  });

  test('the time at which a plug was passed may be a microsecond off', () => {
    const early = sightings.map((sighting) =>
      sighting.machine === 'bob' && sighting.target.startsWith('10.')
        ? { ...sighting, atUs: sighting.atUs - 60 }
        : sighting,
    );
    expect(
      about(tell({ sightings: early.sort((a, b) => a.atUs - b.atUs) }), 'It reaches bob at'),
    ).toHaveLength(1);
  });

  test('nothing seen at all is told without a slip', () => {
    expect(texts(tell({ sightings: [] })).at(-1)).toContain('never learnt an address');
  });
});
