/**
 * What a worker carries out on its own machine: the ledger of processes in a folder of its own, where `--process-user` says
 * as whom. Without it there is none. A worker holds a certificate, and credentials of hosts in memory: whoever shares its
 * user may read both. So root's worker runs nothing as root, and one that is not root has to be told by its own user's name
 * that this is meant.
 */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { jobLimits } from '../base/job-limits.ts';
import type { Log } from '../base/log.ts';
import { machineFigures } from '../base/node-machine.ts';
import { findAccount, ownAccount } from '../engines/process/account.ts';
import { createProcessLedger } from '../engines/process/process-ledger.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { OwnRoom, type MachineSample } from '../worker/own-room.ts';

interface ProcessFlags {
  readonly 'process-user'?: string | undefined;
  readonly 'process-capacity'?: string | undefined;
}

export interface OwnProcesses {
  readonly ledger: Ledger;
  /** Under way at once. */
  readonly capacity: number;
  readonly room: OwnRoom;
}

/** Undefined where the worker is to carry out nothing itself. Throws `bad-input` where it must not as that user, and `spool-unwritable`. */
export function ownProcesses(
  dataDir: string,
  flags: ProcessFlags,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): OwnProcesses | undefined {
  const asked = flags['process-capacity'];
  const capacity = parseCapacity('--process-capacity', asked, jobLimits.workerProcessExecutionsDefault);
  const user = flags['process-user'];
  if (user === undefined && asked === undefined) return undefined;
  if (user === undefined)
    throw new DroverError('bad-input', {
      detail: '--process-capacity is the room for processes of --process-user: say as which user they run.',
    });
  const own = ownAccount();
  const account = findAccount(user);
  const refused = account ? unfitUser(account, own) : `this machine has no user ${JSON.stringify(user)}`;
  if (refused !== undefined) throw new DroverError('bad-input', { detail: `--process-user: ${refused}.` });
  if (account!.uid === own.uid)
    log.warn({ user }, 'tasks run as the user of this worker: whoever starts them may read its key and what it holds');
  // Those who run there have to get to their scripts: what is in the folder stays ours alone.
  else chmodSync(dataDir, 0o711);
  const dir = join(dataDir, 'processes');
  const { ledger } = createProcessLedger({ dataDir: dir, clock, log, user, concurrent: capacity, leavesNothing: true });
  if (account!.uid !== own.uid) chmodSync(dir, 0o711);
  return { ledger, capacity, room: new OwnRoom(() => sampleOf(dir)) };
}

function sampleOf(dir: string): MachineSample {
  const { cpus, memoryMiB, freeMemoryMiB, diskMiB, freeDiskMiB, load } = machineFigures(dir);
  const total = { milliCpus: cpus * 1_000, memoryMiB, diskMiB };
  return { total, freeMemoryMiB, freeDiskMiB, loadMilliCpus: Math.round(load * 1_000) };
}

/** Why nothing may run as that user, as the end of a sentence. */
function unfitUser(account: { name: string; uid: number }, own: { name: string; uid: number }): string | undefined {
  if (account.uid === 0) return 'tasks never run as root on a worker: make a user that owns nothing';
  if (own.uid === 0 || account.uid === own.uid) return undefined;
  return `the worker runs as ${own.name}, and cannot become ${account.name}: start it as root, or name ${own.name}`;
}

export function parseCapacity(option: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new DroverError('bad-input', {
      detail: `${option} wants a number of executions from 1 to 9999999, not ${JSON.stringify(text)}.`,
    });
  return Number(text);
}
