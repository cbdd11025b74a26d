/** What is seen of a session at one moment. */
export interface LaneCountObservation {
  /** Lanes that stand. */
  readonly lanes: number;
  /** `Flight.deliveredBytes`. */
  readonly deliveredBytes: number;
  /** `Flight.networkLimited`. */
  readonly networkLimited: boolean;
  /** `Flight.minRttMs`. */
  readonly minRttMs: number | null;
  readonly nowMs: number;
}

/** How many lanes are wanted: as many as pay. */
export class LaneCount {
  readonly #most: number;

  /** @param most lanes that may be had, 32 at most */
  constructor(most: number) {
    this.#most = most;
  }

  /** Call it a few times a second and at every change of `lanes`. @returns lanes wanted now, 1 at least */
  observe(_seen: LaneCountObservation): number {
    return Math.min(1, this.#most);
  }
}
