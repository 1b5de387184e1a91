/** The wish that a step is skipped: marked beside its state while it is not over. */
import type { RunId } from '../../../base/ids.ts';
import type { TaskState } from '../../../domain/flow/task-machine.ts';
import { canSkip, type StepSkip } from '../../../domain/run/step-skip.ts';
import type { AuditEntry } from '../../contract/audit.ts';
import type { RunStore } from '../../contract/run.ts';
import { auditAppend } from '../audit/audit.ts';
import type { Pool } from '../pool.ts';

/** The task is locked before what is under way, as an owner's commit locks them. */
export async function runSkip(
  pool: Pool,
  id: RunId,
  { task, skip }: { readonly task: number; readonly skip: StepSkip },
  audit: AuditEntry,
  nowMs: number,
): ReturnType<RunStore['runSkip']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ state: TaskState | null; is_asked: boolean }>(
      'SELECT state, skip IS NOT NULL AS is_asked FROM task WHERE run_id = $1 AND task = $2 FOR UPDATE',
      [id, task],
    );
    const [row] = rows;
    if (!row || row.state === null) return 'not-found';
    if (!canSkip(row.state)) return 'step-over';
    if (row.is_asked) return 'already-requested';
    const { rowCount } = await tx.query('UPDATE run_active SET answers = answers + 1 WHERE run_id = $1', [id]);
    if (rowCount === 0) return 'already-finished';
    await tx.query('UPDATE task SET skip = $3 WHERE run_id = $1 AND task = $2', [id, task, JSON.stringify(skip)]);
    await auditAppend(tx, audit, nowMs);
    return 'requested';
  });
}
