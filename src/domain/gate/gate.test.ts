/** Approvals and waits by themselves: what answers come to, who may give one, and where each stands whatever happens in whatever order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { given } from '../../base/given.ts';
import type { ApprovalWork } from '../work/approval.ts';
import { answerTaken, approvalVerdict, type ApprovalAnswer } from './approval.ts';
import { advanceGate, begunGate, type GatePosition } from './gate-position.ts';

const WORK: ApprovalWork = { kind: 'approval', message: 'Go?', count: 1, notByStarter: false, onTimeout: 'fail' };
const said = (name: string, isYes: boolean, reason = ''): ApprovalAnswer => ({
  askedMs: 0,
  isYes,
  by: { id: name, name },
  reason,
  atMs: 1,
});
const asking = (work: ApprovalWork): GatePosition => begunGate(work, () => ({ text: 'Go?' }), 0);

describe('answers to an approval', () => {
  it.each([
    ['nobody has answered', 1, [], undefined],
    ['one of one', 1, [said('ann', true)], true],
    ['one of two', 2, [said('ann', true)], undefined],
    ['the same person twice', 2, [said('ann', true), said('ann', true)], undefined],
    ['two of two', 2, [said('ann', true), said('bob', true)], true],
    ['one no', 2, [said('ann', true), said('bob', false)], false],
    ['a no after an own yes', 2, [said('ann', true), said('ann', false)], false],
  ] as const)('%s', (_, count, answers, isYes) => expect(approvalVerdict({ count }, answers)?.isYes).toBe(isYes));

  it.each([
    ['counts', WORK, [], said('ann', true), 'counts'],
    ['is there already', { ...WORK, count: 2 }, [said('ann', true)], said('ann', true), 'repeated'],
    ['takes a yes back', { ...WORK, count: 2 }, [said('ann', true)], said('ann', false), 'counts'],
    ['comes too late', WORK, [said('ann', true)], said('bob', false), 'decided'],
    ['is of somebody else', { ...WORK, by: ['bob'] }, [], said('ann', true), 'refused'],
    ['is of whoever is named', { ...WORK, by: ['bob'] }, [], said('bob', true), 'counts'],
    ['is the yes of the starter', { ...WORK, notByStarter: true }, [], said('starter', true), 'refused'],
    ['is the no of the starter', { ...WORK, notByStarter: true }, [], said('starter', false), 'counts'],
  ] as const)('one that %s', (_, work, before, answer, kind) =>
    expect(answerTaken(work, before, answer, ['starter', undefined]).kind).toBe(kind),
  );
});

describe('an approval', () => {
  it('ends by a decisive answer before its time, and before a cancel that comes with it', () => {
    const work = { ...WORK, timeoutMs: 10 };
    const sight = { nowMs: 99, answers: [said('ann', true)], stop: 'cancelled' as const };
    expect(advanceGate(work, asking(work), sight)).toMatchObject({ phase: 'over', end: 'succeeded', heard: 1 });
    const no = { nowMs: 99, answers: [said('bob', false, 'not now')] };
    expect(advanceGate(work, asking(work), no)).toMatchObject({ end: 'failed', because: 'Refused by bob: not now' });
  });

  it.each([
    ['fail', 'timed_out'],
    ['continue', 'succeeded'],
  ] as const)('is %s when its time is up: %s', (onTimeout, end) => {
    const work = { ...WORK, count: 2, timeoutMs: 10, onTimeout };
    const answers = [said('ann', true)];
    const half = advanceGate(work, asking(work), { nowMs: 9, answers });
    expect(half).toMatchObject({ phase: 'asking', heard: 1, dueMs: 10 });
    expect(advanceGate(work, half, { nowMs: 9, answers })).toBe(half);
    expect(advanceGate(work, half, { nowMs: 10, answers })).toMatchObject({ phase: 'over', end });
  });

  it('has failed where what it was to ask cannot be said', () =>
    expect(begunGate(WORK, () => ({ fault: 'Too long.' }), 0)).toMatchObject({ end: 'failed', because: 'Too long.' }));

  it('stands where answers, time and cancels have brought it, whoever looks and however often', () => {
    const ends = new Set<string>();
    const event = fc.record({
      who: fc.constantFrom('ann', 'bob', 'eve'),
      isYes: fc.boolean(),
      what: fc.constantFrom('answer', 'time', 'time', 'cancel', 'look'),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        fc.constantFrom('fail', 'continue'),
        fc.array(event),
        (count, hasTime, onTimeout, events) => {
          const work: ApprovalWork = { ...WORK, count, onTimeout, ...given({ timeoutMs: hasTime ? 2 : undefined }) };
          let [position, nowMs, stop, answers] = [asking(work), 0, false, [] as ApprovalAnswer[]];
          for (const { who, isYes, what } of events) {
            const before = position;
            if (what === 'time') nowMs++;
            if (what === 'cancel') stop = true;
            const answer = said(who, isYes);
            // What is over takes no answer: the store sees to it.
            if (what === 'answer' && position.phase === 'asking')
              if (answerTaken(work, answers, answer, ['x']).kind === 'counts') answers = [...answers, answer];
            const sight = { nowMs, answers, ...given({ stop: stop ? ('cancelled' as const) : undefined }) };
            position = advanceGate(work, structuredClone(position), sight);
            if (before.phase === 'over') expect(position).toEqual(before);
            const verdict = approvalVerdict(work, answers);
            if (verdict) expect(position.end).toBe(verdict.isYes ? 'succeeded' : 'failed');
            else if (stop || (hasTime && nowMs >= 2)) expect(position.phase).toBe('over');
            else expect([position.phase, position.heard]).toEqual(['asking', answers.length]);
          }
          ends.add(position.end ?? 'none');
        },
      ),
    );
    expect([...ends].sort()).toEqual(['cancelled', 'failed', 'none', 'succeeded', 'timed_out']);
  });
});
