import { cpus, loadavg } from 'node:os';

/** The machine that a run had, and how much of it. */

export interface MachineReport {
  readonly cores: number;
  readonly model: string;
  /** Of the last minute. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  /** Of all cores together, over the whole run. */
  readonly busyPercent: number;
}

/** @returns what to call at the end */
export function watchMachine(): () => MachineReport {
  const [loadBefore, before] = [loadNow(), times()];
  return () => {
    const after = times();
    return {
      cores: cpus().length,
      model: cpus()[0]?.model ?? '',
      loadBefore,
      loadAfter: loadNow(),
      busyPercent: 100 * (1 - (after.idle - before.idle) / (after.all - before.all)),
    };
  };
}

/** Of the last minute. */
export function loadNow(): number {
  return loadavg()[0] ?? 0;
}

function times(): { idle: number; all: number } {
  const all = cpus().map((core) => core.times);
  const idle = all.reduce((sum, core) => sum + core.idle, 0);
  return { idle, all: all.reduce((sum, core) => sum + core.user + core.nice + core.sys + core.irq, idle) };
}
