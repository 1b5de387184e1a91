import { expect, it } from 'vitest';
import { faultsAfter, FAULTS_TOLD, type RunFaults } from './faulty-runs.ts';

it('looks at a run with a fault as ever until that is told, and ever more rarely from then on, but never no more', () => {
  const pauses: number[] = [];
  let faults: RunFaults | undefined;
  for (let n = 0; n < FAULTS_TOLD + 20; n++) {
    faults = faultsAfter(faults, 1_000);
    pauses.push((faults.untilAt - 1_000) / 1_000);
  }
  expect(pauses.slice(0, FAULTS_TOLD - 1).every((pause) => pause === 0)).toBe(true);
  expect(pauses.slice(FAULTS_TOLD - 1, FAULTS_TOLD + 5)).toEqual([10, 20, 40, 80, 160, 300]);
  expect(pauses.at(-1)).toBe(300);
});
