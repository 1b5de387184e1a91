import { expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import type { RunPlan } from './plan.ts';
import { runLoadBytes } from './run-load.ts';

it('reckons a task whose items are not known yet with the most that it may come to', () => {
  const task = { needs: [], goesOn: false };
  const each = { task: 0, output: 'files' };
  const plan: RunPlan = [
    {
      name: 's',
      needs: [],
      join: 'all-succeeded',
      isFinally: false,
      tasks: [
        { ...task, task: 0, name: 'list' },
        { ...task, task: 1, name: 'work', isConditional: true, each },
      ],
    },
  ];
  expect(runLoadBytes([1, 1], plan)).toBe(runLoadBytes([1, jobLimits.itemsMax]));
  // Once they are known they count as they are.
  expect(runLoadBytes([1, 7], plan)).toBe(runLoadBytes([1, 7]));
  expect(runLoadBytes([1, 1])).toBeLessThan(runLoadBytes([1, 1], plan));
});
