/** What a run that is under way is to the memory of its owner, whatever waits of it: reckoned from what it may come to, when it begins. */

/** A run by itself; each of its steps, with its part of the plan; each execution that a step comes to. As measured of runs that wait. */
const [RUN_BYTES, STEP_BYTES, EXECUTION_BYTES] = [8_192, 1_024, 512];

/** `hosts`: of each of its tasks. */
export function runLoadBytes(hosts: readonly number[]): number {
  return RUN_BYTES + STEP_BYTES * hosts.length + EXECUTION_BYTES * hosts.reduce((sum, one) => sum + one, 0);
}
