import { DISK_FAULTS } from './disk-faults.ts';
import type { Fault } from './fault.ts';
import { FILE_FAULTS } from './file-faults.ts';
import { NETWORK_FAULTS } from './network-faults.ts';
import { PAUSE_FAULTS } from './pause-faults.ts';
import { PROGRAM_FAULTS } from './program-faults.ts';
import { SERVER_FAULTS } from './server-faults.ts';

/** Everything that a transfer is put through. */
export const FAULTS: readonly Fault[] = [
  ...NETWORK_FAULTS,
  ...SERVER_FAULTS,
  ...PROGRAM_FAULTS,
  ...FILE_FAULTS,
  ...DISK_FAULTS,
  ...PAUSE_FAULTS,
];
