/** `for_each` of a step: what it may say, what is wrong with it and where, and what a run is made with. */
import { describe, expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import { planRun } from './expand.ts';
import { parseJob } from './job-definition.ts';
import { planOf } from './plan-of.ts';

const job = (step: string): string => `job: j
parameters:
  - { name: files, type: text, default: "a\\nb" }
  - { name: one, default: x }
stages:
  - stage: look
    steps:
      - { step: list, command: [x], worker: all, outputs: [{ name: files, type: list }] }
  - stage: go
    steps:
      - step: work
        ${step.startsWith('http:') ? '' : 'script: echo "$DROVER_ITEM"'}
        ${step}
`;
const faultsOf = (step: string): string[] => {
  const parsed = parseJob(job(step));
  return parsed.ok ? [] : parsed.faults.map(({ line, column, detail }) => `${line}:${column} ${detail}`);
};
function planned(step: string, params: Record<string, string> = {}): ReturnType<typeof planRun> {
  const parsed = parseJob(job(step));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return planRun(parsed.definition, { params });
}
function itemsOf(step: string, params?: Record<string, string>): unknown {
  const run = planned(step, params);
  return run.ok ? run.run.stages[1]!.steps[0]!.items : run.faults.map(({ detail }) => detail);
}

describe('for_each', () => {
  it('has the name of its item to itself', () => {
    const step = 'worker: all\n        for_each: [a]\n        env: { DROVER_ITEM: mine, OTHER: b }';
    expect(faultsOf(step)).toEqual([
      '15:16 DROVER_ITEM is the item that the step is done for: give this another name.',
    ]);
    expect(faultsOf(step.replace('        for_each: [a]\n', ''))).toEqual([]);
  });

  it('is a list, with values of parameters in it', () =>
    expect(
      itemsOf("worker: all, for_each: [a, 'b-${{ params.one }}']".replace(', for_each', '\n        for_each')),
    ).toEqual(['a', 'b-x']));

  it('is the lines of a parameter', () => {
    const step = 'worker: all\n        for_each: ${{ params.files }}';
    expect(itemsOf(step)).toEqual(['a', 'b']);
    expect(itemsOf(step, { files: 'c\n\nd\n' })).toEqual(['c', 'd']);
    expect(itemsOf(step, { files: '\n' })).toEqual(['go/work: for_each: There are no items.']);
    expect(itemsOf(step, { files: 'c\n\u001b' })).toEqual([expect.stringContaining('Item 2 cannot be one: control')]);
  });

  it('is what a step before it has told, asked when its turn has come', () => {
    const run = planned('worker: all\n        for_each: ${{ steps.look.list.outputs.files }}');
    if (!run.ok) throw new Error(JSON.stringify(run.faults));
    expect(planOf(run.run.stages).plan[1]!.tasks[0]).toMatchObject({
      isConditional: true,
      each: { task: 0, output: 'files' },
    });
  });

  it('lets through what is for several executions, and nothing else that is for hosts', () => {
    expect(faultsOf('worker: all\n        for_each: [a]\n        concurrency: 2\n        max_failed: 1')).toEqual([]);
    expect(faultsOf('worker: all\n        for_each: [a]\n        batches: 1 all')).toEqual([
      '15:9 batches is for hosts; it does not go with worker.',
    ]);
    expect(faultsOf('worker: all\n        concurrency: 2')).toEqual([
      '14:9 concurrency is for hosts; it does not go with worker.',
    ]);
  });

  it.each([
    ['targets: all\n        for_each: [a]', '14:9 for_each is for steps without hosts; it goes with worker.'],
    [
      'http: { url: https://a.example/ }\n        worker: all\n        for_each: [a]',
      '15:9 for_each is for a script or command, which reads its item as DROVER_ITEM.',
    ],
    ['worker: all\n        for_each: []', '14:9 for_each: at least 1 entry is wanted.'],
    ['worker: all\n        for_each: a b', '14:19 for_each is a list, or nothing but one expression'],
    ['worker: all\n        for_each: x ${{ params.one }}', '14:19 for_each is a list, or nothing but one expression'],
    ['worker: all\n        for_each: ${{ params.on }}', '14:19 There is no parameter "on". Did you mean one?'],
    ['worker: all\n        for_each: ${{ steps.look.lst.outputs.files }}', '14:19 There is no step "look.lst"'],
    ['worker: all\n        for_each: ${{ steps.go.work.outputs.files }}', '14:19 "go.work" declares no output "files"'],
    ["worker: all\n        for_each: ['${{ steps.look.list.outputs.files }}']", '14:21 In a list stand no outputs'],
    ["worker: all\n        for_each: [a, '']", '14:23 This item cannot be one: it is empty.'],
  ])('is refused where the step says %s', (step, told) =>
    expect(faultsOf(step)).toEqual([expect.stringContaining(told)]),
  );

  it('has no more items than a step may have', () => {
    const list = (count: number): string => `worker: all\n        for_each: [${'x,'.repeat(count)}]`;
    expect(faultsOf(list(jobLimits.itemsMax))).toEqual([]);
    expect(faultsOf(list(jobLimits.itemsMax + 1))).toEqual([
      `14:9 for_each: a list of up to ${jobLimits.itemsMax} texts, or one expression.`,
    ]);
  });
});
