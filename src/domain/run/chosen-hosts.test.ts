import { expect, it } from 'vitest';
import type { HostId } from '../../base/ids.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { WorkBudget } from '../expression/comparison-work.ts';
import type { Expression } from '../expression/expression.ts';
import { chosenPlaces, type HostOutcome, type HostRef } from './chosen-hosts.ts';
import { hostSubject } from './subject.ts';

const subjects = Array.from({ length: 1_000 }, (_, at) => hostSubject(`h${at}` as HostId, `h${at}`));
const outcomes = new Map<HostId, HostOutcome>(
  subjects.map(({ id }, at) => [
    id,
    { state: at % 2 ? 'failed' : 'succeeded', values: { v: `${'1'.repeat(1_000)}${at}` } },
  ]),
);
const given = (value: string) => ({ kind: 'ref', name: 'p', ref: { of: 'given', value } }) as const;
const told = { kind: 'ref', name: 'v', ref: { of: 'value', output: 'v', type: 'string' } } as const;
const failed: Expression<HostRef> = { kind: 'ref', name: 'failed', ref: { of: 'host', state: 'failed' } };
const choose = (expression: Expression<HostRef>, budget?: WorkBudget): ReturnType<typeof chosenPlaces> =>
  chosenPlaces({ expression, text: 'hosts( … )' }, subjects, outcomes, budget);

it('decides once what is the same for all hosts', () => {
  const ofAll: Expression<HostRef> = {
    kind: 'compare',
    operator: 'contains',
    left: given('a'.repeat(60_000)),
    right: given(`${'a'.repeat(20_000)}b${'a'.repeat(10_000)}`),
  };
  const both = { kind: 'or', operands: [failed, { kind: 'and', operands: [failed, ofAll] }] } as const;
  // Held against each host, that comparison alone would be 90 million characters.
  expect(choose(both, new WorkBudget(1_000))).toEqual(subjects.flatMap((_, at) => (at % 2 ? [at] : [])));
});

it('takes what all hosts of a run have to say, to the last character, and no more', () => {
  const matches = (pattern: string): Expression<HostRef> => ({
    kind: 'compare',
    operator: 'matches',
    left: told,
    right: { kind: 'literal', value: pattern },
  });
  expect(choose(matches('1*7'))).toEqual([7, 17, 117]);
  // A hundred places and more, and a thousand characters, on each of a thousand hosts.
  expect(choose(matches('(1*){20}x'))).toEqual({
    fault: expect.stringContaining('hosts( … ) compares more than a run may') as string,
  });
  const budget = new WorkBudget(jobLimits.hostChoiceWorkMax);
  budget.spend(jobLimits.hostChoiceWorkMax);
  expect(() => budget.spend(1)).toThrow();
});

it('chooses no host that has not told what is asked for, with not before it either', () => {
  const safe: Expression<HostRef> = {
    kind: 'ref',
    name: 'safe',
    ref: { of: 'value', output: 'safe', type: 'bool' },
  };
  const hosts = subjects.slice(0, 4);
  const said = ['true', 'false', 'True', undefined];
  const ends = new Map<HostId, HostOutcome>(
    hosts.map(({ id }, at) => {
      const value = said[at];
      return [id, { state: 'succeeded', values: value === undefined ? {} : { safe: value } }];
    }),
  );
  const of = (expression: Expression<HostRef>): ReturnType<typeof chosenPlaces> =>
    chosenPlaces({ expression, text: 'hosts( … )' }, hosts, ends);
  const noValue: Expression<HostRef> = { kind: 'ref', name: 'p', ref: { of: 'given' } };
  expect(of(safe)).toEqual([0]);
  expect(of({ kind: 'not', operand: safe })).toEqual([1]);
  expect(of({ kind: 'not', operand: { kind: 'and', operands: [safe, noValue] } })).toEqual([1]);
  expect(of({ kind: 'not', operand: noValue })).toEqual([]);
});
