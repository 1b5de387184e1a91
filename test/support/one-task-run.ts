/** A run of one task, as its owner reads it. */
import type { Execution, SeedExecution } from '../../src/domain/crew/execution.ts';
import type { TaskTerms } from '../../src/domain/run/run-task.ts';
import { Run } from '../../src/domain/run/run.ts';
import type { SeedRun } from '../../src/domain/run/run-write.ts';
import type { CrewOptions } from '../../src/domain/crew/crew-options.ts';

export function oneTaskRun(
  { roundAgeMs, ...run }: SeedRun & { readonly roundAgeMs: number },
  { policy, placement }: TaskTerms,
  executions: readonly SeedExecution[],
  nowAt: number,
  options: { readonly never?: (execution: Execution<unknown>) => ReturnType<CrewOptions['never']> } = {},
): Run {
  const task = { task: 0, terms: { policy, placement }, state: run.state, subjects: [], executions };
  return new Run(run, [{ ...task, openedAgeMs: roundAgeMs }], nowAt, options);
}
