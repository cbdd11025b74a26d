import type { Sighting } from './behaviour.ts';

/** Whether the NAT lets every port keep its number. */
export function preservesPort(fresh: readonly (Sighting | null)[]): boolean {
  return fresh.every((sighting) => sighting === null || sighting.mapped.port === sighting.localPort);
}

/**
 * By how much the mapped port grows from one new mapping to the next.
 *
 * @param fresh what was seen of sockets that asked one after another; null where no answer came, though the
 * request may have used up a port.
 * @returns null where it is not the same each time, where two mappings alone are known, and where ports are kept.
 */
export function portStep(fresh: readonly (Sighting | null)[]): number | null {
  if (preservesPort(fresh)) return null;
  const seen = fresh.flatMap((sighting, turn) => (sighting ? [{ turn, port: sighting.mapped.port }] : []));
  const steps = seen.slice(1).map(({ turn, port }, i) => {
    const before = seen[i];
    return before === undefined ? Number.NaN : (port - before.port) / (turn - before.turn);
  });
  const [first] = steps;
  const isConstant = first !== undefined && Number.isInteger(first) && steps.every((step) => step === first);
  return isConstant && steps.length >= 2 ? first : null;
}

export function variesAddress(seen: readonly Sighting[]): boolean {
  return new Set(seen.map(({ mapped }) => mapped.address)).size > 1;
}
