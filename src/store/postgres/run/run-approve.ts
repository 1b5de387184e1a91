/** An answer to an approval: added to those that are there, while it is asked. */
import type { RunId } from '../../../base/ids.ts';
import type { ApprovalAnswer } from '../../../domain/gate/approval.ts';
import type { GatePosition } from '../../../domain/gate/gate-position.ts';
import type { AuditEntry } from '../../contract/audit.ts';
import type { RunStore } from '../../contract/run.ts';
import { auditAppend } from '../audit/audit.ts';
import type { Pool } from '../pool.ts';

export interface Approving {
  readonly task: number;
  readonly answer: ApprovalAnswer;
  readonly seen: number;
}

/** The task is locked before what is under way, as an owner's commit locks them. */
export async function runRoundStarter(pool: Pool, id: RunId): Promise<string | undefined> {
  const { rows } = await pool.query<{ principal: string }>('SELECT principal FROM run_active WHERE run_id = $1', [id]);
  return rows[0]?.principal;
}

export async function runApprove(
  pool: Pool,
  id: RunId,
  { task, answer, seen }: Approving,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<RunStore['runApprove']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ gate: GatePosition | null; approvals: ApprovalAnswer[] | null }>(
      'SELECT gate, approvals FROM task WHERE run_id = $1 AND task = $2 FOR UPDATE',
      [id, task],
    );
    const row = rows[0];
    if (!row) return 'not-found';
    if (row.gate?.phase !== 'asking' || row.gate.sinceMs !== answer.askedMs) return 'stale';
    if ((row.approvals ?? []).length !== seen) return 'changed';
    const { rowCount } = await tx.query('UPDATE run_active SET answers = answers + 1 WHERE run_id = $1', [id]);
    if (rowCount === 0) return 'stale';
    await tx.query(
      "UPDATE task SET approvals = coalesce(approvals, '[]') || $3::jsonb WHERE run_id = $1 AND task = $2",
      [id, task, JSON.stringify([answer])],
    );
    await auditAppend(tx, audit, nowMs);
    return 'answered';
  });
}
