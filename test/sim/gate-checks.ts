/** What must hold of approvals and waits, with every write: asked once, decided by what people have said or by their time, and by nothing else. */
import { approvalVerdict } from '../../src/domain/gate/approval.ts';
import { GATE_TRANSITIONS, type GatePhase, type GatePosition } from '../../src/domain/gate/gate-position.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import type { ApprovalWork } from '../../src/domain/work/approval.ts';
import { specOf } from '../support/memory-store/run.ts';
import type { MemoryTables, RunRow, TaskRow } from '../support/memory-store/rows.ts';
import type { Simulation } from './simulation.ts';

export function approvalOf(tables: MemoryTables, task: TaskRow): ApprovalWork | undefined {
  const { work } = specOf(tables, task);
  return work.kind === 'approval' ? work : undefined;
}

export class GateChecks {
  readonly #sim: Simulation;
  readonly #tables: MemoryTables;
  /** As they were written last in each round. */
  readonly #known = new Map<string, GatePosition>();
  /** What was asked in a round; what succeeded in an earlier one stays as it is. */
  readonly #asked = new Set<string>();

  constructor(sim: Simulation, tables: MemoryTables) {
    this.#sim = sim;
    this.#tables = tables;
  }

  written(row: RunRow): void {
    for (const [number, task] of row.tasks.entries()) if (task.gate) this.#mustHold(row, number, task, task.gate);
  }

  #mustHold({ run, timeline }: RunRow, number: number, task: TaskRow, gate: GatePosition): void {
    const tell = (what: string): void =>
      this.#sim.violate(`${run.id} step ${number} is ${task.state}, ${JSON.stringify(gate)}: ${what}`);
    const key = `${run.id} ${run.round} ${number}`;
    const before = this.#known.get(key);
    this.#known.set(key, gate);
    if (before && before.sinceMs !== gate.sinceMs) tell('it is asked, or waits, for a second time');
    if (before && JSON.stringify(before) !== JSON.stringify(gate)) {
      const to: readonly GatePhase[] = GATE_TRANSITIONS[before.phase];
      if (!to.includes(gate.phase)) tell(`no gate moves so from ${before.phase}`);
    }
    if ((gate.phase === 'over') !== isTerminalRun(task.state)) tell('its state is not that of where it stands');
    if (gate.phase === 'over' && gate.end !== task.state) tell('its state is not what it came to');
    const work = approvalOf(this.#tables, task);
    if (!work) return;
    const { approvals = [] } = task;
    if (gate.heard > approvals.length) tell('more was heard than was said');
    if (gate.phase === 'asking') this.#asked.add(key);
    if (gate.phase !== 'over') return;
    if (gate.heard !== approvals.length) tell('it is over, and not all that was said was heard');
    const verdict = approvalVerdict(work, approvals);
    const due = verdict ? [verdict.isYes ? 'succeeded' : 'failed'] : unanswered(work);
    if (!due.includes(gate.end!)) tell(`people have said ${JSON.stringify(approvals)}`);
    if (!this.#asked.has(key)) return;
    const told = timeline.slice(timeline.findLastIndex(({ kind }) => kind === 'retried') + 1);
    const asked = told.flatMap(({ kind, detail }) =>
      kind === 'approval-asked' ? (detail.asks as { step: string }[]).map(({ step }) => step) : [],
    );
    const name = run.plan!.flatMap((stage) =>
      stage.tasks.flatMap((one) => (one.task === number ? [`${stage.name}/${one.name}`] : [])),
    )[0]!;
    const times = asked.filter((step) => step === name).length;
    if (times !== 1) tell(`it is told as asked ${times} times`);
    const heard = told.flatMap(({ kind, detail }) =>
      kind === 'approval-answered' ? (detail.answers as { step: string }[]).filter(({ step }) => step === name) : [],
    );
    if (heard.length !== gate.heard) tell(`${heard.length} answers are told`);
  }
}

/** What it may come to without enough answers: by its time, or by a cancel. */
function unanswered({ timeoutMs, onTimeout }: ApprovalWork): string[] {
  const byTime = timeoutMs === undefined ? [] : [onTimeout === 'continue' ? 'succeeded' : 'timed_out'];
  return [...byTime, 'cancelled', 'skipped'];
}
