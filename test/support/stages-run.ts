/** Runs of jobs in their owner's memory, each step of which goes to two hosts: made from the text of their stages. */
import { given } from '../../src/base/given.ts';
import type { HostId } from '../../src/base/ids.ts';
import { planRun } from '../../src/domain/job/expand.ts';
import { parseJob } from '../../src/domain/job/job-definition.ts';
import { planOf } from '../../src/domain/job/plan-of.ts';
import { tasksOf, type RunPlan } from '../../src/domain/run/plan.ts';
import type { SeedTask } from '../../src/domain/run/run-task.ts';
import { Run } from '../../src/domain/run/run.ts';
import type { RunWrite } from '../../src/domain/run/run-write.ts';
import { hostSubject } from '../../src/domain/run/subject.ts';
import { HERE, RUN, SPEC } from './one-host.ts';

export const HOSTS = ['a', 'b'].map((name) => hostSubject(name as HostId, name));
export const END = { outcome: { kind: 'exited', code: 0 }, finishedAtMs: 1 } as const;
export const FAILURE = { ...END, outcome: { kind: 'exited', code: 1 } } as const;

export function planFrom(stages: string, params: Record<string, string | boolean> = {}): RunPlan {
  const parsed = parseJob(
    `job: j\ntargets: all\nparameters: [{ name: now, type: bool }, { name: version }]\nstages:\n${stages}`,
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const run = planRun(parsed.definition, { params });
  if (!run.ok) throw new Error(JSON.stringify(run.faults));
  return planOf(run.run.stages).plan;
}

const { policy, placement } = SPEC;
export function seedsOf(plan: RunPlan): SeedTask[] {
  return tasksOf(plan).map(({ task }) => ({
    task,
    terms: { policy, placement },
    state: 'created',
    subjects: HOSTS,
    executions: [],
    openedAgeMs: 0,
  }));
}
export function newRun(plan: RunPlan): Run {
  return new Run({ id: RUN, state: 'created', round: 1, seq: 1, plan }, seedsOf(plan), 1_000);
}

/** Decides, writes and lands until nothing more comes of it; answers the writes. */
export function settle(run: Run, beforeLanding: (write: RunWrite<unknown>) => void = () => {}): RunWrite<unknown>[] {
  const writes: RunWrite<unknown>[] = [];
  for (;;) {
    run.advance({ at: 1_000, ms: 1_000 }, () => HERE);
    if (!run.hasChanges) return writes;
    const write = run.write(100);
    beforeLanding(write);
    run.landed(write, 1_000);
    writes.push(write);
  }
}
/** All of its hosts end so. */
export function end(
  run: Run,
  task: number,
  told: typeof END | typeof FAILURE = END,
  values?: Record<string, string>,
): void {
  for (const execution of run.task(task)!.crew.executions)
    run
      .task(task)!
      .crew.onResult(execution, execution.attempt, { ...told, ...given({ values: values && { values } }) }, 1_000);
}
