import { expect, it } from 'vitest';
import { bytesFor } from './paired-run.fixture.ts';
import { rehearseHandshake } from './rehearse.ts';

it('goes through a whole handshake, with other bytes each time', () => {
  const drawn: number[] = [];
  rehearseHandshake((lengthBytes) => {
    drawn.push(lengthBytes);
    return bytesFor(`rehearsal ${drawn.length}`, lengthBytes);
  });
  expect(drawn).toEqual([32, 16, 32, 32, 16, 32, 32]);
});
