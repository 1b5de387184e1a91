import { expect, it } from 'vitest';
import { StepNames, type NamedStep } from './step-names.ts';

function named(stage: number, step: number, stageName: string, stepName: string): NamedStep {
  return { stage, step, stageName, stepName, outputs: new Map(), drawn: new Map() };
}
const found = (names: StepNames, name: string, stage: number): unknown => {
  const one = names.find(name, stage);
  return one.ok ? [one.step.stage, one.step.step] : one.code;
};

it('finds a step by its full name, by its own in its stage, or where it is the only one', () => {
  const names = new StepNames([
    named(0, 0, 'a', 'x'),
    named(1, 0, 'b', 'x'),
    named(1, 1, 'b', 'y'),
    named(2, 0, 'c', 'x'),
  ]);
  expect(found(names, 'b.x', 0)).toEqual([1, 0]);
  expect(found(names, 'x', 1)).toEqual([1, 0]);
  expect(found(names, 'y', 0)).toEqual([1, 1]);
  expect(found(names, 'x', 3)).toBe('job-expression');
  expect(found(names, 'z', 0)).toBe('job-reference-unknown');
  const twice = new StepNames([named(0, 0, 'a', 'x'), named(0, 1, 'a', 'x'), named(1, 0, 'b', 'x')]);
  expect([found(twice, 'x', 0), found(twice, 'a.x', 1), found(twice, 'x', 1)]).toEqual([
    'job-expression',
    'job-expression',
    [1, 0],
  ]);
});

it('looks at no more steps where a thousand have the name', () => {
  let looks = 0;
  const counted = (stage: number): NamedStep =>
    new Proxy(named(stage, 0, `s${stage}`, 'x'), {
      get: (step, key, own) => {
        looks++;
        return Reflect.get(step, key, own) as unknown;
      },
    });
  const names = new StepNames(Array.from({ length: 1_000 }, (_, stage) => counted(stage)));
  looks = 0;
  expect(names.find('x', 5_000).ok).toBe(false);
  expect(looks).toBeLessThan(10);
});
