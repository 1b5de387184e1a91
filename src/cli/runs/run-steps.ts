/** The steps of a run of a job, by which its executions are told apart; of a command there are none. */
import { dataOf, type Run, type Schemas } from '@drover/sdk';
import { UsageError } from '../exit.ts';
import type { Session } from '../servers/session.ts';

/** Names by number: that of the step, with its stage before it where several stages have a step of that name. */
export type StepNames = ReadonlyMap<number, string>;

export const NO_STEPS: StepNames = new Map();

export async function stepNames(session: Session, run: Pick<Run, 'id' | 'job'>): Promise<StepNames> {
  return run.job === undefined ? NO_STEPS : namesIn(await runDetail(session, run.id));
}

export async function runDetail(session: Session, runId: string): Promise<Schemas['RunDetail']> {
  return dataOf(await session.patient.GET('/api/v1/runs/{runId}', { params: { path: { runId } } }));
}

export function namesIn({ stages = [] }: Pick<Schemas['RunDetail'], 'stages'>): StepNames {
  const all = stages.flatMap(({ steps }) => steps.map(({ step }) => step));
  const isOnly = (step: string): boolean => all.indexOf(step) === all.lastIndexOf(step);
  return new Map(
    stages.flatMap(({ stage, steps }) =>
      steps.map(({ task, step }) => [task, isOnly(step) ? step : `${stage}/${step}`] as const),
    ),
  );
}

/** The number of the step that is meant. */
export function stepNamed(steps: StepNames, name: string): number {
  const found = [...steps].find(([, own]) => own === name);
  if (found) return found[0];
  if (steps.size === 0) throw new UsageError('--step is for runs of jobs; this run is of one command.');
  throw new UsageError(`This run has no step ${name}. Its steps: ${[...steps.values()].join(', ')}`);
}
