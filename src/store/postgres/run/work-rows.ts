/** Work as it is kept: bytes under their digest, once for a day. Policy and placement are columns of the task. */
import { createHash } from 'node:crypto';
import { Packr } from 'msgpackr';
import type { RunId } from '../../../base/ids.ts';
import type { Placement } from '../../../domain/placement/placement.ts';
import type { Policy } from '../../../domain/run/policy.ts';
import type { RunSpec } from '../../../domain/run/spec.ts';
import { storedWork, workOf, type StoredWork, type Work } from '../../../domain/work/work.ts';
import { dayOfRun } from '../day.ts';

const packr = new Packr({ useRecords: false });

export function packWork(work: Work): Buffer {
  return packr.pack(storedWork(work));
}

/** Throws `schema-newer` for what a newer program has kept. */
export function unpackWork(bytes: Uint8Array): Work {
  return workOf(packr.unpack(bytes) as StoredWork);
}

export interface WorkRow {
  /** See `dayOfRun`. */
  readonly day: RunId;
  readonly digest: Buffer;
  readonly bytes: Buffer;
}

export function workRow(run: RunId, work: Work): WorkRow {
  const bytes = packWork(work);
  return { day: dayOfRun(run), digest: createHash('sha256').update(bytes).digest(), bytes };
}

/** Each once, in the one order in which everybody writes them: so nobody waits for whom waits for them. */
export function distinctWork(rows: readonly WorkRow[]): WorkRow[] {
  const distinct = new Map(rows.map((row) => [`${row.day} ${row.digest.toString('hex')}`, row]));
  return [...distinct].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row);
}

export interface SpecRow {
  work: Buffer;
  policy: Policy;
  placement: Placement;
}

/** Of one run: its id is the first parameter, the second is its day (`dayOfRun`). */
export const SPEC_COLUMNS = 'work.bytes AS work, task.policy, task.placement';
export const SPEC_TABLES = 'task JOIN work ON work.day = $2 AND work.digest = task.work_digest';
export const IS_FIRST_TASK = 'task.run_id = $1 AND task.task = 0';

export function specOf({ work, policy, placement }: SpecRow): RunSpec {
  return { work: unpackWork(work), policy, placement };
}
