/** The tasks of a run of several: rows to records. That of a run of one is in the state of its run, which its row does not repeat. */
import { given } from '../../../base/given.ts';
import type { HostId, RunId } from '../../../base/ids.ts';
import { totalOf, type ExecutionCounts } from '../../../domain/crew/execution-machine.ts';
import type { ApprovalAnswer } from '../../../domain/gate/approval.ts';
import type { GatePosition } from '../../../domain/gate/gate-position.ts';
import type { TaskState } from '../../../domain/flow/task-machine.ts';
import type { TaskDecision } from '../../../domain/run/conditions.ts';
import type { StepOutputs } from '../../../domain/run/step-outputs.ts';
import type { RolloutPosition } from '../../../domain/rollout/position.ts';
import type { RolloutAnswer } from '../../../domain/run/run-task.ts';
import type { StepSkip } from '../../../domain/run/step-skip.ts';
import type { Subject } from '../../../domain/run/subject.ts';
import type { RunRecord, TaskRecord } from '../../contract/run.ts';
import { dayOfRun } from '../day.ts';
import { subjectOf } from '../execution/execution-rows.ts';
import type { Executor } from '../pool.ts';
import { SPEC_COLUMNS, SPEC_TABLES, specOf, type SpecRow } from './work-rows.ts';

export interface TaskRow extends SpecRow {
  task: number;
  sealed_secrets: Buffer | null;
  state: TaskState;
  counts: ExecutionCounts;
  opened_at_ms: number | null;
  outputs: StepOutputs | null;
  position: RolloutPosition | null;
  answer: RolloutAnswer | null;
  decision: TaskDecision | null;
  gate: GatePosition | null;
  approvals: ApprovalAnswer[] | null;
  skip: StepSkip | null;
  subjects: number;
  host_count: number;
}

export async function taskRows(db: Executor, id: RunId): Promise<readonly TaskRow[]> {
  const { rows } = await db.query<TaskRow>({
    name: 'tasks-fetch',
    text: `SELECT ${SPEC_COLUMNS}, task.task, task.sealed_secrets, task.state, task.counts, task.opened_at_ms, task.outputs,
             task.position, task.answer, task.decision, task.gate, task.approvals, task.skip,
             task.subjects, cardinality(list.host_ids) AS host_count
           FROM ${SPEC_TABLES} JOIN run_subjects list ON list.run_id = task.run_id AND list.list = task.subjects
           WHERE task.run_id = $1
           ORDER BY task.task`,
    values: [id, dayOfRun(id)],
  });
  return rows;
}

export function taskRecord(row: TaskRow): TaskRecord {
  return {
    task: row.task,
    spec: specOf(row),
    state: row.state,
    counts: row.counts,
    // Of one that has had its turn those that it went to, which may be some of those that it might have gone to.
    hostCount: totalOf(row.counts) || row.host_count,
    ...progressOf(row),
  };
}

/** What is there once it has its turn. */
export function progressOf(
  row: TaskRow,
): Pick<TaskRecord, 'openedAtMs' | 'position' | 'answer' | 'outputs' | 'decision' | 'gate' | 'approvals' | 'skip'> {
  return given({
    openedAtMs: row.opened_at_ms ?? undefined,
    position: row.position ?? undefined,
    answer: row.answer ?? undefined,
    outputs: row.outputs ?? undefined,
    decision: row.decision ?? undefined,
    gate: row.gate ?? undefined,
    approvals: row.approvals ?? undefined,
    skip: row.skip ?? undefined,
  });
}

/** Of a run of one. */
export function onlyTaskRecord({ state, counts, hostCount }: RunRecord, row: SpecRow): TaskRecord {
  return { task: 0, spec: specOf(row), state, counts, hostCount };
}

/** Each list of hosts once, so that tasks that go to the same share it in memory too. */
export async function subjectLists(
  db: Executor,
  id: RunId,
  lists: readonly number[],
): Promise<ReadonlyMap<number, readonly Subject[]>> {
  if (lists.length === 0) return new Map();
  const { rows } = await db.query<{
    list: number;
    host_ids: (HostId | null)[];
    host_names: (string | null)[];
    items: string[] | null;
  }>({
    name: 'subject-lists',
    text: 'SELECT list, host_ids, host_names, items FROM run_subjects WHERE run_id = $1 AND list = ANY ($2::int[])',
    values: [id, lists],
  });
  return new Map(
    rows.map((row) => [
      row.list,
      row.host_ids.map((hostId, at) =>
        subjectOf({ host_id: hostId, host_name: row.host_names[at]!, item: row.items?.[at] ?? null }),
      ),
    ]),
  );
}
