/** What must hold of the conditions of runs, with every write: they are decided once, by what is written, and carried out. */
import { isPassedBy, decide, type Condition, type TaskDecision } from '../../src/domain/run/conditions.ts';
import { chosenPlaces, type ChosenHosts, type HostOutcome } from '../../src/domain/run/chosen-hosts.ts';
import { hostOf } from '../../src/domain/run/subject.ts';
import { given } from '../../src/base/given.ts';
import type { HostId } from '../../src/base/ids.ts';
import { refsOf } from '../../src/domain/expression/expression.ts';
import { isTerminalExecution } from '../../src/domain/crew/execution-machine.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import type { PlannedStage, PlannedTask, RunPlan } from '../../src/domain/run/plan.ts';
import { attemptKey, type RunRow } from '../support/memory-store/rows.ts';
import type { Simulation } from './simulation.ts';

export function isPassed({ tasks }: RunRow, task: number): boolean {
  const { state, decision } = tasks[task]!;
  return state === 'skipped' && decision !== undefined && isPassedBy(decision);
}

export class ConditionChecks {
  readonly #sim: Simulation;
  /** As they were written first in each round. */
  readonly #known = new Map<string, string>();

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  written(row: RunRow): void {
    for (const stage of row.run.plan ?? []) for (const { task } of stage.tasks) this.#mustBeSkipped(row, task);
    for (const stage of row.run.plan ?? [])
      for (const task of stage.tasks)
        if (stage.when ?? task.when ?? task.chooses) this.#mustBeDecided(row, stage, task);
  }

  #mustBeDecided(row: RunRow, stage: PlannedStage, planned: PlannedTask): void {
    const { task, when, chooses } = planned;
    const { run, tasks, executions } = row;
    const { state } = tasks[task]!;
    const decision = ofConditions(tasks[task]!.decision);
    const tell = (what: string): void => this.#sim.violate(`${run.id} step ${task} is ${state} and ${what}`);
    const hasBegun = executions.some((one) => one.task === task);
    const isWhole = (!when || decision?.step !== undefined) && (!chooses || decision?.hosts !== undefined);
    const isMet = decision !== undefined && !isPassedBy(decision) && isWhole;
    if (hasBegun && !isMet) tell(`has begun though its condition is ${JSON.stringify(decision)}`);
    if (decision && isPassedBy(decision) && (state !== 'skipped' || hasBegun)) tell('was to be passed over');
    if (!decision) return;
    const key = `${run.id} ${run.round} ${task}`;
    const known = this.#known.get(key);
    const now = JSON.stringify(decision);
    if (known !== undefined && known !== now) tell(`its condition came to ${known}, and then to ${now}`);
    this.#known.set(key, now);
    // In an earlier round it went by what was there then.
    if (known === undefined && run.round === 1) {
      this.#mustFollow(row, stage, task, when, decision);
      if (chooses && decision.hosts) this.#mustBeChosen(row, task, chooses, decision.hosts);
    }
  }

  /** What was skipped for somebody is what somebody wanted, and nothing of it goes on. */
  #mustBeSkipped({ run, tasks, executions }: RunRow, number: number): void {
    const { state, skip, decision } = tasks[number]!;
    if (!decision?.skip) return;
    const isOver = executions.every((one) => one.task !== number || isTerminalExecution(one.state));
    if (state !== 'skipped' || !isOver || JSON.stringify(decision.skip) !== JSON.stringify(skip))
      this.#sim.violate(`${run.id} step ${number} is ${state} and was skipped by ${JSON.stringify([decision, skip])}`);
  }

  /** It goes to the hosts that its expression says of what is written with it, and to no others. */
  #mustBeChosen(row: RunRow, task: number, chooses: ChosenHosts, hosts: NonNullable<TaskDecision['hosts']>): void {
    if (row.executions.some((one) => one.task === chooses.task && one.settledLate)) return;
    const { subjects } = row.tasks[task]!;
    const found = chosenPlaces(chooses, subjects, outcomesOf(row, chooses.task));
    if ('fault' in found) return this.#sim.violate(`${row.run.id} step ${task}: ${found.fault}`);
    const due = found.map((place) => subjects[place]);
    const own = row.executions.filter((one) => one.task === task).sort((one, other) => one.ordinal - other.ordinal);
    const goesTo = own.map(({ subject }) => subject);
    if (hosts.of !== subjects.length || hosts.chosen !== due.length || JSON.stringify(goesTo) !== JSON.stringify(due))
      this.#sim.violate(
        `${row.run.id} step ${task} goes to ${JSON.stringify(goesTo)} (${JSON.stringify(hosts)}), not to ${JSON.stringify(due)}`,
      );
  }

  /** What was decided is what the condition says of what is written with it. */
  #mustFollow(
    row: RunRow,
    stage: PlannedStage,
    task: number,
    when: Condition | undefined,
    decision: TaskDecision,
  ): void {
    for (const [condition, verdict] of [
      [stage.when, decision.stage],
      [when, decision.step],
    ] as const) {
      if (!condition || !verdict) continue;
      const of = refsOf(condition.expression).flatMap(({ ref }) => ('task' in ref ? [ref.task] : []));
      if (of.some((one) => !isTerminalRun(row.tasks[one]!.state)))
        this.#sim.violate(`${row.run.id} step ${task} has its condition decided before step ${of.join()} is over`);
      // A late truth may come with the very write, after the condition was decided.
      if (row.executions.some((one) => of.includes(one.task) && one.settledLate)) continue;
      const due = decide(condition, sightOf(row, row.run.plan!));
      if (JSON.stringify(due) !== JSON.stringify(verdict))
        this.#sim.violate(
          `${row.run.id} step ${task}: ${condition.text} came to ${JSON.stringify(verdict)}, and is ${JSON.stringify(due)}`,
        );
    }
  }
}

/** Without that somebody has had it skipped, before its conditions were asked or after. */
function ofConditions(decision: TaskDecision | undefined): TaskDecision | undefined {
  if (!decision?.skip) return decision;
  const { skip: _, ...others } = decision;
  return Object.keys(others).length > 0 ? others : undefined;
}

/** Executions of a step, as they choose hosts for one after it. */
function outcomesOf(row: RunRow, task: number): Map<HostId, HostOutcome> {
  const own = row.executions.filter((one) => one.task === task);
  const subjects = own.length > 0 ? [] : row.tasks[task]!.subjects;
  return new Map<HostId, HostOutcome>([
    ...subjects.map((subject) => [hostOf(subject)!.id, { state: 'skipped' }] as const),
    ...own.map((one) => {
      const values = one.state === 'succeeded' ? row.values.get(attemptKey(one))?.values : undefined;
      return [hostOf(one.subject)!.id, { state: one.state, ...given({ values }) }] as const;
    }),
  ]);
}

function sightOf({ run, tasks }: RunRow, plan: RunPlan): Parameters<typeof decide>[1] {
  const shapes = plan.flatMap((stage) => stage.tasks);
  return {
    round: run.round,
    outputOf: (task, output) => tasks[task]!.outputs?.values[output],
    look: {
      isCancelRequested: run.cancelRequestedAtMs !== undefined,
      task: (task) => ({ ...shapes.find((one) => one.task === task)!, ...tasks[task]! }),
      stage: () => 'created',
      others: () => 'created',
    },
  };
}
