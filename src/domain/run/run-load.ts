/** What a run that is under way is to the memory of its owner, whatever waits of it: reckoned from what it may come to, when it begins. */
import { jobLimits } from '../../base/job-limits.ts';
import { tasksOf, type RunPlan } from './plan.ts';

/** A run by itself; each of its steps, with its part of the plan; each execution that a step comes to. As measured of runs that wait. */
const [RUN_BYTES, STEP_BYTES, EXECUTION_BYTES] = [8_192, 1_024, 512];

/**
 * `executions`: of each of its tasks, in their order. Of one that is done for each of what a step before it tells that is not known before
 * its turn: it is reckoned with the most.
 */
export function runLoadBytes(executions: readonly number[], plan: RunPlan = []): number {
  const each = new Set(tasksOf(plan).flatMap((task) => (task.each ? [task.task] : [])));
  const hosts = executions.map((count, task) => (each.has(task) && count <= 1 ? jobLimits.itemsMax : count));
  return RUN_BYTES + STEP_BYTES * hosts.length + EXECUTION_BYTES * hosts.reduce((sum, one) => sum + one, 0);
}
