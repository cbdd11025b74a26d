import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuessLimit, TypedCodeRuns } from './guess-limit.ts';

describe('the guesses on a code', () => {
  it('are spent when a run is admitted, before anything is known of it', () => {
    const limit = new GuessLimit();
    expect(limit.admit('a')).toBe('admitted');
    expect(limit.record).toEqual({ guessesSpent: 1, used: false });
  });

  it('are not given back by a run that is abandoned', () => {
    const limit = new GuessLimit();
    for (const run of ['a', 'b', 'c']) {
      expect(limit.burnt).toBe(false);
      expect(limit.admit(run)).toBe('admitted');
      limit.abandon(run);
      limit.abandon(run);
    }
    expect(limit.burnt).toBe(true);
    expect(limit.admit('d')).toBe('code-used');
    expect(limit.record.guessesSpent).toBe(3);
  });

  it('are not forgotten by a restart, not even with a run under way', () => {
    const limit = new GuessLimit();
    limit.admit('a');
    limit.abandon('a');
    limit.admit('b');
    const restarted = new GuessLimit(limit.record);
    expect(restarted.admit('c')).toBe('admitted');
    restarted.abandon('c');
    expect(restarted.burnt).toBe(true);
  });

  it('are spent one handshake at a time', () => {
    const limit = new GuessLimit();
    limit.admit('a');
    expect(limit.admit('b')).toBe('busy');
    expect(limit.admit('a')).toBe('busy');
    expect(limit.record.guessesSpent).toBe(1);
  });

  it('end with a session', () => {
    const limit = new GuessLimit();
    limit.admit('a');
    limit.succeed('a');
    expect(limit.admit('b')).toBe('code-used');
    expect(limit.burnt).toBe(false);
    expect(new GuessLimit(limit.record).admit('b')).toBe('code-used');
  });

  it('cannot end with a session that was never admitted', () => {
    expect(() => new GuessLimit().succeed('a')).toThrow('not admitted');
  });

  it('are never more than three between all runs, restarts included', () => {
    const step = fc.record({
      act: fc.constantFrom('admit', 'abandon', 'succeed', 'restart'),
      run: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let limit = new GuessLimit();
        let admitted = 0;
        let active: string | null = null;
        let sessions = 0;
        for (const { act, run } of steps) {
          if (act === 'restart') {
            limit = new GuessLimit(limit.record);
            active = null;
          } else if (act === 'abandon') {
            limit.abandon(run);
            if (active === run) active = null;
          } else if (act === 'succeed') {
            if (active !== run) continue;
            limit.succeed(run);
            sessions++;
            active = null;
          } else if (limit.admit(run) === 'admitted') {
            expect(active).toBe(null);
            admitted++;
            active = run;
          }
          expect(limit.record).toEqual({ guessesSpent: admitted, used: sessions > 0 });
        }
        expect(admitted).toBeLessThanOrEqual(3);
        expect(sessions).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a typed code', () => {
  it('starts three runs and no fourth', () => {
    const runs = new TypedCodeRuns();
    expect([runs.start(), runs.start(), runs.start(), runs.start(), runs.start()]).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
