/** Order, room and figures of a lane. */
import { expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { seededRandom } from '../base/random.ts';
import { PRIORITIES, type Priority } from '../domain/placement/queue-pick.ts';
import { StartLane } from './start-lane.ts';
import type { QueuedStart } from './start-queue.ts';

let now = 0;
const clock = { monotonicMs: () => now } as Clock;

function lane(
  options: { capacity?: number; queueMax?: number; queueBytesMax?: number; placesLeft?: number } = {},
): StartLane {
  now = 0;
  return new StartLane({
    capacity: 10,
    queueMax: 10_000,
    queueBytesMax: 1_000,
    placesLeft: 0,
    weights: { high: 6, normal: 3, low: 1 },
    clock,
    random: seededRandom(1),
    ...options,
  });
}

function start(a: string, priority: Priority = 'normal', assign: object = assignOf()): QueuedStart {
  return { a, priority, order: { assign }, queuedAtMs: now, isTold: false, isWithdrawn: false } as QueuedStart;
}
const assignOf = (caller?: string, bytes = 0): object => ({ caller, spec: new Uint8Array(bytes) });

it('gives out the oldest of a class first, and the classes by their weights, so that low never starves', () => {
  const queues = lane();
  for (let i = 0; i < 1_000; i++) for (const priority of PRIORITIES) queues.offer(start(`${priority}-${i}`, priority));
  const taken = Array.from({ length: 1_000 }, () => queues.take()!);
  const of = (priority: Priority): QueuedStart[] => taken.filter((one) => one.priority === priority);
  expect(of('high').length).toBeGreaterThan(550);
  expect(of('low').length).toBeGreaterThan(60);
  for (const priority of PRIORITIES)
    expect(of(priority).map(({ a }) => a)).toEqual(of(priority).map((_, i) => `${priority}-${i}`));
});

it('gives out what was withdrawn to nobody, wherever it stood', () => {
  const queues = lane();
  for (let i = 0; i < 5; i++) queues.offer(start(String(i)));
  for (const a of ['0', '2', '4']) expect(queues.withdraw(a)?.a).toBe(a);
  expect(queues.withdraw('0')).toBeUndefined();
  expect(queues.length).toBe(2);
  expect([queues.take()?.a, queues.take()?.a, queues.take()]).toEqual(['1', '3', undefined]);
  queues.offer(start('5'));
  expect(queues.take()?.a).toBe('5');
});

it('takes the same attempt once, and no more than it may hold', () => {
  const queues = lane({ queueMax: 2 });
  expect([
    queues.offer(start('a')),
    queues.offer(start('a')),
    queues.offer(start('b')),
    queues.offer(start('c')),
  ]).toEqual(['taken', 'known', 'taken', 'full']);
});

it('has room as long as fewer are under way than it may carry', () => {
  const queues = lane({ capacity: 1 });
  expect(queues.hasRoom).toBe(true);
  queues.begun();
  expect(queues.hasRoom).toBe(false);
  queues.ended(['a']);
  expect(queues.hasRoom).toBe(true);
});

it('says once of each that it waits, and how long the oldest has', () => {
  const queues = lane();
  queues.offer(start('a', 'low'));
  now = 400;
  queues.offer(start('b', 'low'));
  expect([...queues.untold()]).toEqual(['a', 'b']);
  expect([...queues.untold()]).toEqual([]);
  now = 1_000;
  expect(queues.figures().low).toEqual({ length: 2, oldestMs: 1_000, starts: 0, waitedMs: 0 });
  queues.take();
  expect(queues.figures().low).toEqual({ length: 1, oldestMs: 600, starts: 1, waitedMs: 1_000 });
});

it('takes as many starts as may wait, and one more when one of them is gone', () => {
  const queues = lane({ queueMax: limits.workerQueueMax });
  for (let i = 0; i < limits.workerQueueMax; i++) queues.offer(start(`${i}`));
  expect(queues.length).toBe(limits.workerQueueMax);
  expect(queues.offer(start('beyond'))).toBe('full');
  queues.take();
  expect(queues.offer(start('beyond'))).toBe('taken');
});

it('lets callers take turns, however much one of them sends, and keeps the order of each', () => {
  const queues = lane();
  for (let i = 0; i < 100; i++) queues.offer(start(`a${i}`, 'normal', assignOf('ann')));
  queues.offer(start('b0', 'normal', assignOf('bob')));
  queues.offer(start('c0', 'normal', assignOf('eve')));
  queues.offer(start('b1', 'normal', assignOf('bob')));
  for (const a of ['a1', 'c0']) queues.withdraw(a);
  const taken = Array.from({ length: 6 }, () => queues.take()!.a);
  expect(taken).toEqual(['a0', 'b0', 'a2', 'b1', 'a3', 'a4']);
  expect(queues.length).toBe(95);
});

it('leaves places that no caller has alone, and gives them to others, of any class', () => {
  const queues = lane({ capacity: 4, placesLeft: 1 });
  const begin = (): string | undefined => {
    const next = queues.hasRoom ? queues.take() : undefined;
    if (next) queues.begun(next);
    return next?.a;
  };
  for (let i = 0; i < 9; i++) queues.offer(start(`a${i}`, 'high', assignOf('ann')));
  expect(Array.from({ length: 4 }, begin)).toEqual(['a0', 'a1', 'a2', undefined]);
  queues.offer(start('b0', 'low', assignOf('bob')));
  expect([begin(), begin()]).toEqual(['b0', undefined]);
  queues.ended(['a1', 'of somebody else']);
  // What nobody knows of took a place as well.
  expect([begin(), queues.underWay]).toEqual(['a3', 3]);
});

it('leaves nothing where there is one place', () => {
  const queues = lane({ capacity: 1, placesLeft: 1 });
  queues.offer(start('a', 'normal', assignOf('ann')));
  expect(queues.take()?.a).toBe('a');
});

it('holds so many bytes of what it is to carry out, once for an assignment to many, and one that is longer by itself', () => {
  const queues = lane();
  const [large, half, rest, beyond] = [2_000, 600, 400, 1].map((bytes) => assignOf('ann', bytes));
  expect(queues.offer(start('large', 'normal', large))).toBe('taken');
  expect(queues.offer(start('beside', 'normal', beyond))).toBe('full');
  expect(queues.offer(start('same', 'normal', large))).toBe('taken');
  for (const a of ['large', 'same']) queues.withdraw(a);
  for (const [a, assign] of [
    ['half', half],
    ['rest', rest],
  ] as const)
    expect(queues.offer(start(a, 'normal', assign))).toBe('taken');
  expect(queues.offer(start('beyond', 'normal', beyond))).toBe('full');
  expect(queues.take()?.a).toBe('half');
  expect(queues.offer(start('beyond', 'normal', beyond))).toBe('taken');
  // Ordered anew it is what the newer order says.
  expect(queues.offer(start('rest', 'normal', assignOf('ann', 999)))).toBe('known');
  expect(queues.offer(start('more', 'normal', assignOf('ann', 1)))).toBe('full');
});

it('takes one of each caller, whatever the others have waiting', () => {
  const queues = lane({ queueMax: 3 });
  expect(['a', 'b'].map((a) => queues.offer(start(a, 'normal', assignOf('ann', 500))))).toEqual(['taken', 'taken']);
  for (const caller of ['ann', 'bob', 'eve']) {
    const isKnown = caller === 'ann';
    expect(queues.offer(start(`${caller} 1`, 'low', assignOf(caller, 900)))).toBe(isKnown ? 'full' : 'taken');
    expect(queues.offer(start(`${caller} 2`, 'high', assignOf(caller, 1)))).toBe('full');
  }
});
