import { describe, expect, it } from 'vitest';
import { given } from '../../base/given.ts';
import { emptyCounts } from '../crew/execution-machine.ts';
import { eventOf, NOTICE_EVENTS, noticesOf, ruleFits, subscriptionFaults, type RunEnd } from './subscription.ts';

const end = (state: RunEnd['state'], counts: Partial<RunEnd['counts']> = {}, before?: RunEnd['state']): RunEnd => ({
  state,
  counts: { ...emptyCounts(), ...counts },
  ...given({ before }),
});
const all = { channel: 'c', on: NOTICE_EVENTS };

describe('an end', () => {
  it.each([
    ['failed', end('failed', { failed: 1 })],
    ['failed', end('failed', { failed: 1, lost: 1 })],
    ['timed_out', end('timed_out', { timed_out: 1 })],
    ['cancelled', end('cancelled', { cancelled: 1 })],
    ['succeeded', end('succeeded', { succeeded: 1 })],
    ['succeeded', end('succeeded', { succeeded: 1 }, 'succeeded')],
    ['succeeded', end('succeeded', { succeeded: 1 }, 'cancelled')],
    ['recovered', end('succeeded', { succeeded: 1 }, 'failed')],
    ['recovered', end('succeeded', { succeeded: 1 }, 'timed_out')],
    [undefined, end('skipped')],
  ] as const)('is %s', (event, of) => expect(eventOf(all, of)).toBe(event));

  it('is told for what was asked for, and for nothing else', () => {
    expect(eventOf({ channel: 'c', on: ['recovered'] }, end('succeeded', { succeeded: 1 }))).toBeUndefined();
    expect(eventOf({ channel: 'c', on: ['lost'] }, end('failed', { failed: 5 }))).toBeUndefined();
    expect(eventOf({ channel: 'c', on: ['lost'] }, end('failed', { failed: 5, lost: 1 }))).toBe('lost');
  });

  it('has lost hosts over a share when more than that share was lost', () => {
    const lost = (share: number, count: number) =>
      eventOf({ channel: 'c', on: ['lost'], lostShare: share }, end('failed', { lost: count, succeeded: 100 - count }));
    expect([lost(10, 10), lost(10, 11), lost(0, 0), lost(0, 1), lost(99, 100)]).toEqual([
      undefined,
      'lost',
      undefined,
      'lost',
      'lost',
    ]);
  });
});

describe('a rule', () => {
  it('is for all, or for what it names', () => {
    const run = { job: 'j', owner: 'o', team: 't' };
    expect(ruleFits(all, {})).toBe(true);
    for (const key of ['job', 'owner', 'team'] as const) {
      expect(ruleFits({ ...all, [key]: run[key] }, run)).toBe(true);
      expect(ruleFits({ ...all, [key]: 'other' }, run)).toBe(false);
      expect(ruleFits({ ...all, [key]: run[key] }, {})).toBe(false);
    }
    expect(ruleFits({ ...all, job: 'j', team: 'other' }, run)).toBe(false);
  });
});

it('gives each channel one notice of an end, whoever asks for it', () => {
  const told = noticesOf(
    [
      { channel: 'a', on: ['lost'] },
      { channel: 'b', on: ['lost'] },
      { channel: 'a', on: ['failed'] },
      { channel: 'c', on: ['succeeded'] },
    ],
    end('failed', { lost: 2 }),
  );
  expect(told).toEqual([
    { channel: 'a', event: 'failed' },
    { channel: 'b', event: 'lost' },
  ]);
});

it('says of which event a share and a time are, where nobody is told of that', () => {
  expect(subscriptionFaults({ on: ['failed'], lostShare: 0, lateAfter: 1 })).toEqual([
    { key: 'lostShare', event: 'lost' },
    { key: 'lateAfter', event: 'late' },
  ]);
  expect(subscriptionFaults({ on: ['lost', 'late'], lostShare: 10, lateAfter: 1 })).toEqual([]);
  expect(subscriptionFaults({ on: ['failed'] })).toEqual([]);
});
