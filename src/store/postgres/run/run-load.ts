/**
 * How much each token has under way, and that it is not more than it may: counted with the write that begins a run, so that two starts at
 * once are counted one after the other. What ends is not taken off, since owners wait for no caller: the count is only ever too high, and
 * is made anew from the runs that there are when it would refuse somebody. So a start costs a row, however many runs there are.
 */
import { jobLimits } from '../../../base/job-limits.ts';
import type { RunId } from '../../../base/ids.ts';
import type { Executor } from '../pool.ts';

export interface RunLoad {
  readonly id: RunId;
  /** Id of whoever began it, or its last round. */
  readonly principal: string;
  readonly bytes: number;
}

/** Thrown in the transaction that was to begin them, which is to be taken back. */
export class TooMuchUnderWay extends Error {
  /** Those for which there was no room. */
  readonly refused: ReadonlySet<RunId>;

  constructor(refused: ReadonlySet<RunId>) {
    super('more would be under way than one token may have');
    this.refused = refused;
  }
}

/** Last in their transaction, which has written them as active: nobody else's start waits longer than for its end. */
export async function loadsAdd(tx: Executor, loads: readonly RunLoad[]): Promise<void> {
  const added = new Map<string, number>();
  for (const { principal, bytes } of loads) added.set(principal, (added.get(principal) ?? 0) + bytes);
  // In one order everywhere, so that nobody waits in a circle.
  const principals = [...added.keys()].sort();
  const { rows } = await tx.query<{ principal: string; bytes: number }>({
    name: 'loads-add',
    text: `INSERT INTO run_load AS l (principal, bytes)
           SELECT * FROM unnest($1::text[], $2::bigint[])
           ON CONFLICT (principal) DO UPDATE SET bytes = l.bytes + excluded.bytes
           RETURNING principal, bytes`,
    values: [principals, principals.map((one) => added.get(one)!)],
  });
  const most = jobLimits.runsUnderWayBytesMax;
  const over = rows.filter(({ bytes }) => bytes > most).map(({ principal }) => principal);
  if (over.length === 0) return;
  const counted = await tx.query<{ principal: string; bytes: number }>({
    name: 'loads-count',
    text: `UPDATE run_load l SET bytes = (SELECT coalesce(sum(a.bytes), 0) FROM run_active a WHERE a.principal = l.principal)
           WHERE l.principal = ANY ($1)
           RETURNING principal, bytes`,
    values: [over],
  });
  const refused = new Set<RunId>();
  for (const { principal, bytes } of counted.rows) {
    if (bytes <= most) continue;
    let room = most - (bytes - added.get(principal)!);
    for (const load of loads.filter((one) => one.principal === principal))
      if (load.bytes > room) refused.add(load.id);
      else room -= load.bytes;
  }
  if (refused.size > 0) throw new TooMuchUnderWay(refused);
}
